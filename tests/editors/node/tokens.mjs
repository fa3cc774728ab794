// Colours scripts with the engine of VS Code and checks what single words are coloured as.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const { INITIAL, Registry, parseRawGrammar } = require("vscode-textmate");
const root = path.join(import.meta.dirname, "../../..");
const wasm = path.join(path.dirname(require.resolve("vscode-oniguruma")), "onig.wasm");
const file = path.join(root, "dsl/editors/llmock.tmLanguage.json");

await oniguruma.loadWASM(fs.readFileSync(wasm).buffer);
const registry = new Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () => parseRawGrammar(fs.readFileSync(file, "utf8"), file),
});
const grammar = await registry.loadGrammar("source.llmock");

function tokens(text) {
  let stack = INITIAL;
  return text.split("\n").flatMap((line) => {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
    stack = ruleStack;
    return tokens.map((t) => [line.slice(t.startIndex, t.endIndex), t.scopes.slice(1).join(" ")]);
  });
}

// A script, a piece of it, and a scope that the piece must have (or, behind `!`, must not have).
const cases = [
  ["rule greet when user hang", "rule", "keyword.declaration"],
  ["rule greet when user hang", "greet", "entity.name.function"],
  ["rule greet when user hang", "hang", "keyword.control"],
  ["when status is 429 hang", "status", "variable.language"],
  ["call wait { id: 1 }", "wait", "entity.name.function"],
  ["call wait { id: 1 }", "id", "property-name"],
  ["waiting", "waiting", "!keyword"],
  ['reply "a\\n{{ b }}"', "\\n", "constant.character.escape"],
  ['reply "a\\n{{ b }}"', "{{ b }}", "meta.embedded"],
  ["reply '\\n'", "\\n", "!escape"],
  ['reply """md\n  {{ b }} # c\n""" # d', "{{", "meta.embedded"],
  ['reply """md\n  {{ b }} # c\n""" # d', "# d", "comment.line"],
  ["when user matches /a#\\/[/]/i hang # c", "/a#\\/[/]/", "string.regexp"],
  ["pace 40 tok/s ± 20%", "40 ", "constant.numeric.rate"],
  ["pace 40 tok/s ± 20%", "±", "keyword.operator"],
  ["wait 1s..3s", "..", "keyword.operator"],
  ["reply {{ user | upper }}", "upper", "support.function"],
  ["when header is true hang", "true", "constant.language"],
];
let wrong = 0;
for (const [text, piece, scope] of cases) {
  const found = tokens(text).filter(([value]) => value === piece);
  const has = (s) => found.some(([, scopes]) => scopes.includes(s));
  if (!found.length || (scope[0] === "!" ? has(scope.slice(1)) : !has(scope))) {
    wrong += 1;
    console.error(`${text}: ${piece} is not ${scope}:`, tokens(text));
  }
}
// Every example ends outside of texts and expressions, and none of it is illegal.
const folders = ["tests/corpus/scripts", "examples"].map((folder) => path.join(root, folder));
let scripts = 0;
for (const folder of folders)
  for (const name of fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".llmock"))) {
    scripts += 1;
    const found = tokens(`${fs.readFileSync(path.join(folder, name), "utf8")}\nhang`);
    const last = found.at(-1);
    if (last[1] !== "keyword.control.llmock" || found.some(([, scopes]) => scopes.includes("invalid"))) {
      wrong += 1;
      console.error(`${name}: ends as`, last);
    }
  }
console.log(`${cases.length} words and ${scripts} scripts, ${wrong} wrong`);
process.exit(wrong ? 1 : 0);
