/**
 * The language for CodeMirror: colours, comments, indentation.
 *
 * Keywords are words of the language only where they are expected, so that a word's colour depends on what stands in
 * front of it: a key before `:`, a tool behind `call`, a field behind `when` may have any name. It follows the lexer
 * for Pygments (dsl/pygments_lexer.py); the words are those of the server's own grammar.
 */
import { indentService, LanguageSupport, StreamLanguage, type StringStream } from "@codemirror/language";
import { tags, type Tag } from "@lezer/highlight";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*/;
const CONDITION = new Set(["when", "given", "expect", "and", "or", "not", "by"]);
const NAMING = new Set("rule let define scenario state use go remember each call on finish dialect".split(" "));
const CONSTANTS = new Set(["true", "false", "null"]);

/** What the next word is: a field behind `when`, a name behind `rule`, a value behind `is`, a part behind a dot. */
type Expected = "field" | "name" | "value" | "member" | null;
/** The quotes that are open, and whether a template is open in them or outside of any. */
type Quotes = '"' | '"""' | "'''" | null;

interface State {
  expected: Expected;
  quotes: Quotes;
  template: boolean;
}

const tokenTable: Record<string, Tag> = {
  field: tags.special(tags.variableName),
  given: tags.function(tags.definition(tags.variableName)),
  interpolation: tags.special(tags.string),
  number: tags.number,
};

export function llmock(keywords: readonly string[]): LanguageSupport {
  const known = new Set(keywords);

  function word(text: string, state: State): string {
    if (CONSTANTS.has(text)) return "atom";
    if (!known.has(text)) return "variableName";
    if (CONDITION.has(text)) state.expected = "field";
    else if (NAMING.has(text)) state.expected = "name";
    else if (text === "is") state.expected = "value";
    return "keyword";
  }

  function expectedWord(text: string, state: State): string {
    const { expected } = state;
    if (expected === "field" && (text === "not" || text === "in")) return "keyword";
    if (expected === "value" && text === "not") return "keyword";
    state.expected = null;
    if (expected === "field") return "field";
    if (expected === "name") return "given";
    if (expected === "member") return "propertyName";
    return CONSTANTS.has(text) ? "atom" : "variableName";
  }

  function plain(stream: StringStream, state: State): string | null {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    const opening = stream.match(/^("""|''')[A-Za-z0-9_+-]*[ \t]*$/) as RegExpMatchArray | null;
    if (opening) {
      state.expected = null;
      state.quotes = opening[1] as Quotes;
      return "string";
    }
    if (stream.eat('"')) {
      state.expected = null;
      state.quotes = '"';
      return "string";
    }
    if (stream.match(/^'[^']*'?/)) {
      state.expected = null;
      return "string";
    }
    if (stream.match("{{")) {
      state.expected = null;
      state.template = true;
      return "interpolation";
    }
    if (state.expected === null && stream.match(/^[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*(?=\s*:)/)) {
      return "propertyName";
    }
    const name = stream.match(NAME) as RegExpMatchArray | null;
    if (name) return state.expected === null ? word(name[0], state) : expectedWord(name[0], state);
    if (stream.match("(")) return "punctuation"; // a field may follow still
    state.expected = null;
    if (stream.match(/^\.(?!\.)/)) {
      state.expected = "member";
      return "punctuation";
    }
    if (stream.match(/^\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\/[imsx]*/)) return "regexp";
    if (stream.match(/^\d+(?:\.\d+)?[ \t]*(?:tok|chunk|char|byte)s?\/s/)) return "number";
    if (stream.match(/^\d+(?:\.\d+)?(?:ms|us|s|m|h)(?![A-Za-z0-9_])/)) return "number";
    if (stream.match(/^-?\d+(?:\.\d+)?%?/)) return "number";
    if (stream.match(/^(?:\.\.|±|\+-|<=|>=|<|>|=)/)) return "operator";
    stream.next();
    return "punctuation";
  }

  function quoted(stream: StringStream, state: State): string {
    if (state.quotes === '"') {
      if (stream.eat('"')) state.quotes = null;
      else if (stream.match(/^\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|.)/)) return "escape";
      else if (stream.match(/^\{[{%#](?:\\.|[^"\\])*?[}%#]\}/)) return "interpolation";
      else if (!stream.match(/^[^"\\{]+/)) stream.next();
      if (stream.eol()) state.quotes = null; // a text in single quotes marks ends with its line
      return "string";
    }
    if (stream.sol() && stream.match(state.quotes === '"""' ? /^\s*"""/ : /^\s*'''/)) {
      state.quotes = null;
      return "string";
    }
    if (state.quotes === '"""' && stream.match(/^\{[{%#]/)) {
      state.template = true;
      return "interpolation";
    }
    if (!stream.match(/^[^{]+/)) stream.next();
    return "string";
  }

  const language = StreamLanguage.define<State>({
    name: "llmock",
    startState: () => ({ expected: null, quotes: null, template: false }),
    copyState: (state) => ({ ...state }),
    token(stream, state) {
      if (state.template) {
        if (stream.match(/^.*?[}%#]\}/)) state.template = false;
        else stream.skipToEnd();
        return "interpolation";
      }
      return state.quotes === null ? plain(stream, state) : quoted(stream, state);
    },
    blankLine(state) {
      if (state.quotes === '"') state.quotes = null;
    },
    languageData: {
      commentTokens: { line: "#" },
      closeBrackets: { brackets: ["(", "[", "{", '"'] },
      indentOnInput: /^\s*[}\])]$/,
    },
    tokenTable,
  });
  return new LanguageSupport(language, indentation);
}

/** A line is indented as the one above, one unit more behind an opening bracket, one less in front of a closing one. */
const indentation = indentService.of((context, at) => {
  const line = context.lineAt(at);
  if (line.from === 0) return 0;
  const above = context.lineAt(line.from - 1, -1);
  const opens = /[{[(]\s*(?:#.*)?$/.test(above.text) ? context.unit : 0;
  const closes = /^\s*[}\])]/.test(line.text) ? context.unit : 0;
  return Math.max(0, context.lineIndent(above.from, -1) + opens - closes);
});
