/** Completion from the server's catalogue: what can stand where the cursor is, as far as the words in front tell. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { Catalogue, Word } from "./api";

const WORD = /[A-Za-z_][A-Za-z0-9_-]*$/;

export function completion(catalogue: Catalogue): (context: CompletionContext) => CompletionResult | null {
  const fields = catalogue.fields.map(({ name, type, help }) => option(name, "variable", `${type}. ${help}`));
  const outcomes = (catalogue.outcome_fields ?? []).map(({ name, type, help }) =>
    option(name, "variable", `${type}. ${help}`),
  );
  const helpers = catalogue.helpers.map(({ name, help }) => option(name, "function", help));
  // Words before signs.
  const operators = catalogue.operators.map((name) => ({
    ...option(name, "keyword", ""),
    boost: /\w/.test(name) ? 1 : 0,
  }));
  const joining = ["and", "or"].map((name) => option(name, "keyword", ""));
  const statements = catalogue.statements.map(word);
  const declarations = catalogue.declarations.flatMap((each) => beginnings(each).map((name) => word({ ...each, name })));
  const described = new Set([...statements, ...declarations].map((each) => each.label));
  // What stands in a block of its own, such as `expect` in a test: last.
  const others = catalogue.keywords
    .filter((name) => !described.has(name))
    .map((name) => ({ ...option(name, "keyword", ""), boost: -10 }));
  const words = new Map(catalogue.fields.map((field) => [field.name, field.words]));

  return (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const typed = before.match(WORD)?.[0] ?? "";
    if (!typed && !context.explicit) return null;
    const head = before.slice(0, before.length - typed.length);
    const options = expected(head, context.explicit);
    return options && { from: context.pos - typed.length, options, validFor: /^[\w-]*$/ };
  };

  function expected(head: string, explicit: boolean): Completion[] | null {
    if (/\{[{%][^}]*$/.test(head)) return [...helpers, ...fields];
    if (isQuoted(head) || /#/.test(head)) return null;
    const value = head.match(/([a-z_]+) is (?:not )?$/);
    if (value) return (words.get(value[1]!) ?? []).map((name) => option(name, "constant", ""));
    if (/\bexpect (?:.* (?:and|or|not) )?$/.test(head)) return [...outcomes, ...fields];
    if (/\b(?:when|given|and|or|not|by)\s+\(?$/.test(head)) return fields;
    if (/\b(?:when|given|expect|and|or|not)\s+\(?[\w.-]+(?:\["[^"]*"\])?\s+$/.test(head))
      return [...operators, ...joining];
    if (/^\s*$/.test(head)) return [...declarations, ...statements, ...others];
    if (/[{;]\s*$|"\s+$|\botherwise\s+$/.test(head)) return [...statements, ...joining];
    return explicit ? [...statements, ...fields] : null;
  }
}

/** The words with which a declaration may begin: `rule` and `when` of `[rule NAME] when CONDITION { … }`. */
function beginnings({ name, shape }: Word): string[] {
  const bare = shape.match(/^\[[^\]]*\]\s+([a-z]+)/)?.[1];
  return bare === undefined ? [name] : [name, bare];
}

/** Whether the end of a line's beginning is within a text. */
function isQuoted(head: string): boolean {
  let quote: string | null = null;
  for (let at = 0; at < head.length; at += 1) {
    const each = head[at]!;
    if (quote === '"' && each === "\\") at += 1;
    else if (quote === each) quote = null;
    else if (quote === null && (each === '"' || each === "'")) quote = each;
  }
  return quote !== null;
}

function option(label: string, type: string, info: string): Completion {
  return info ? { label, type, info: info.replaceAll("`", "") } : { label, type };
}

function word({ name, shape, example, help }: Word): Completion {
  const info = () => {
    const place = document.createElement("div");
    for (const [tag, text] of [
      ["code", shape],
      ["p", help.replaceAll("`", "")],
      ["code", example],
    ] as const) {
      const part = document.createElement(tag);
      part.textContent = text;
      place.append(part);
    }
    return place;
  };
  return { label: name, type: "keyword", info };
}
