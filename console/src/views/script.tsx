/** The script of a mock: written with its mistakes shown, laid out, tested, and served. */
import { linter, lintGutter, forceLinting, type Diagnostic as Finding } from "@codemirror/lint";
import { EditorSelection, EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { api, mockPath, Refused, type Diagnostic, type Mock, type Rule, type TestRun } from "../api";
import { completion } from "../completion";
import { changesOf, Editor, replaceText, writing, type Left } from "../editor";
import { llmock } from "../language";
import { Empty } from "../parts";
import { attempt, called, catalogue, go, mock, notice, readMock, served } from "../store";
import { plural } from "./mocks";

/** Texts that are not saved, by the mock's id; the revision tells which script they began from. */
interface Draft {
  text: string;
  revision: string;
}
const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

/** Editors as they were left: undo, cursor and all. */
const left = new Map<string, Left>();

/** Something to insert into the script of a mock as soon as its editor is there. */
const pending = new Map<string, string>();

function draft(id: string, value: Draft | null): void {
  const changed = new Map(drafts.peek());
  if (value) changed.set(id, value);
  else changed.delete(id);
  drafts.value = changed;
}

addEventListener("beforeunload", (event) => {
  if (drafts.peek().size > 0) event.preventDefault();
});

/** Opens a mock's script with a block added to it, selected where it is to be filled in. */
export function insertInto(id: string, block: string): void {
  pending.set(id, block);
  go("script", id);
}

export function Script() {
  const whole = mock.value;
  if (!whole) return <Empty title="No mock to write">Make one in the view Mocks.</Empty>;
  return <ScriptOf key={whole.id} whole={whole} />;
}

function ScriptOf({ whole }: { whole: Mock }) {
  const { id } = whole;
  const found = useSignal<Diagnostic[]>(whole.warnings);
  const run = useSignal<TestRun | null>(null);
  const editor = useRef<EditorView | null>(null);
  const kept = drafts.value.get(id);
  const changed = kept !== undefined && kept.text !== whole.script;
  const text = () => editor.current!.state.doc.toString();

  /** Serves the text, unless somebody else has served another since it was read. */
  const save = async (over = false) => {
    const script = text();
    const revision = drafts.peek().get(id)?.revision ?? whole.revision;
    const match: Record<string, string> = over ? {} : { "if-match": `"${revision}"` };
    try {
      const now = await api<Mock>("PUT", mockPath(id), { script }, match);
      draft(id, text() === script ? null : { text: text(), revision: now.revision });
      served(now);
      found.value = now.warnings;
      stale.value = false;
      notice.value = null;
    } catch (error) {
      if (error instanceof Refused && error.diagnostics.length) found.value = error.diagnostics;
      if (error instanceof Refused && error.status === 412) stale.value = true;
      else await attempt(() => Promise.reject(error));
    }
  };
  const stale = useSignal(false);
  const format = () =>
    attempt(async () => {
      const laid = await api<{ script: string }>("POST", "format", { script: text(), mock: id });
      replaceText(editor.current!, laid.script);
    });
  const test = () =>
    attempt(async () => {
      run.value = await api<TestRun>("POST", "test", { script: text(), mock: id });
    });
  const takeTheirs = () =>
    attempt(async () => {
      await readMock();
      draft(id, null);
      stale.value = false;
      replaceText(editor.current!, mock.peek()!.script);
    });

  // The editor lives longer than a render: what it calls is the newest of each.
  const latest = useRef({ save, format });
  latest.current = { save, format };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      event.preventDefault();
      void latest.current.save();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const complete = useMemo(() => (catalogue.value ? completion(catalogue.value) : () => null), []);
  const extensions = useMemo<Extension>(
    () => [
      keymap.of([{ key: "Shift-Alt-f", preventDefault: true, run: () => (void latest.current.format(), true) }]),
      writing,
      lintGutter(),
      linter(
        async (view) => {
          const script = view.state.doc.toString();
          const checked = await api<{ diagnostics: Diagnostic[] }>("POST", "check", { script, mock: id }).catch(
            () => null,
          );
          if (checked && view.state.doc.toString() === script) found.value = checked.diagnostics;
          return (checked?.diagnostics ?? []).map((each) => shownIn(each, script.length));
        },
        { delay: 250 },
      ),
      catalogue.value
        ? [llmock(catalogue.value.keywords), EditorState.languageData.of(() => [{ autocomplete: complete }])]
        : [],
      changesOf((now) => {
        const base = drafts.peek().get(id)?.revision ?? mock.peek()?.revision ?? whole.revision;
        draft(id, now === mock.peek()?.script ? null : { text: now, revision: base });
      }),
    ],
    [],
  );
  useEffect(() => {
    if (!drafts.peek().has(id)) replaceText(editor.current!, whole.script);
  }, [whole.revision]);
  const onView = (view: EditorView) => {
    editor.current = view;
    const block = pending.get(id);
    pending.delete(id);
    if (block !== undefined) insertBlock(view, block);
    forceLinting(view);
    view.focus();
  };

  const errors = found.value.filter((each) => each.severity === "error").length;
  const warnings = found.value.length - errors;
  const mistakes = [errors && plural(errors, "error"), warnings && plural(warnings, "warning")].filter(Boolean);
  return (
    <div class="split script">
      <section class="pane" aria-label={`Script of ${called(whole.name)}`}>
        <div class="bar">
          <strong class="clip">{called(whole.name)}</strong>
          <span class="muted clip" role="status">
            {changed ? "not saved" : whole.stored ? "saved and served" : "served, not stored on disk"}
          </span>
          <span class="grow" />
          <button type="button" onClick={test}>
            Run tests
          </button>
          <button type="button" onClick={format} title="Shift+Alt+F">
            Format
          </button>
          <button type="button" class="primary" disabled={!changed} onClick={() => save()}>
            Save and serve<kbd>Ctrl+S</kbd>
          </button>
        </div>
        {stale.value && (
          <div class="notice" role="alert">
            <span>Somebody else has changed this script since you began.</span>
            <button type="button" class="small" onClick={takeTheirs}>
              Take theirs
            </button>
            <button type="button" class="small" onClick={() => save(true)}>
              Serve mine
            </button>
          </div>
        )}
        <Editor
          label={`Script of ${called(whole.name)}`}
          text={kept?.text ?? whole.script}
          extensions={extensions}
          onView={onView}
          before={left.get(id)}
          onLeave={(state) => left.set(id, state)}
        />
      </section>
      <aside class="pane" aria-label="About the script">
        <div class="section">
          <h2>{mistakes.join(", ") || "No mistakes"}</h2>
          <ul class="plain-list" data-findings>
            {found.value.map((each) => (
              <li key={`${each.code} ${each.primary.from} ${each.message}`}>
                <button type="button" class="row-button" onClick={() => show(editor.current!, each.primary.from)}>
                  <span class={each.severity === "error" ? "bad" : "warn"}>{each.code}</span> {each.message}{" "}
                  <span class="muted">
                    {each.primary.here ? "" : `${each.primary.file}:`}
                    {each.primary.line}:{each.primary.column}
                  </span>
                  {each.help && <span class="finding-help">{each.help}</span>}
                </button>
              </li>
            ))}
          </ul>
        </div>
        {run.value && (
          <Tests run={run.value} onShow={(at) => show(editor.current!, at)} onClose={() => (run.value = null)} />
        )}
        <Rules rules={whole.rules} changed={changed} onShow={(line) => showLine(editor.current!, line)} />
      </aside>
    </div>
  );
}

function Tests(props: { run: TestRun; onShow: (at: number) => void; onClose: () => void }) {
  const { run } = props;
  return (
    <div class="section" role="status">
      <div class="bar">
        <h2 class={run.failed ? "bad" : "good"}>
          {run.tests.length === 0 ? "The script has no tests" : `${run.passed} passed, ${run.failed} failed`}
        </h2>
        <span class="grow" />
        <button type="button" class="small quiet" onClick={props.onClose}>
          Close
        </button>
      </div>
      <ul class="plain-list">
        {run.tests.map((each) => (
          <li key={each.name}>
            <button
              type="button"
              class="row-button"
              onClick={() => props.onShow((each.failure?.span ?? each.span).from)}
            >
              <span class={each.passed ? "good" : "bad"}>{each.passed ? "passed" : "failed"}</span> {each.name}
            </button>
            {each.failure && (
              <ul class="plain-list failure">
                {[each.failure.message, each.failure.label, ...each.failure.notes].filter(Boolean).map((told) => (
                  <li key={told}>{told}</li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Of how many rules a line is shown. */
const LISTED = 500;

function Rules(props: { rules: Rule[]; changed: boolean; onShow: (line: number) => void }) {
  const { rules } = props;
  return (
    <div class="section">
      <h2>
        {plural(rules.length, "rule")}, as asked{props.changed && " (as saved)"}
      </h2>
      <ol class="plain-list">
        {rules.slice(0, LISTED).map((each) => (
          <li key={each.place}>
            <button
              type="button"
              class="row-button rule"
              title={`${each.place} ${each.head}`}
              disabled={!each.span.here}
              onClick={() => props.onShow(each.span.line)}
            >
              <span class="muted number">{each.span.here ? each.span.line : "↗"}</span>
              <span class="clip">
                {each.name && <strong>{each.name} </strong>}
                <span class="mono">{each.head}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
      {rules.length > LISTED && <p class="muted">and {plural(rules.length - LISTED, "more rule")}</p>}
    </div>
  );
}

function shownIn(found: Diagnostic, length: number): Finding {
  const { primary, secondary } = found;
  const label = primary.text ? `${found.message}: ${primary.text}` : found.message;
  const elsewhere = primary.here ? [] : [`in ${primary.file}:${primary.line}`];
  const second = secondary ? [`${secondary.file}:${secondary.line}: ${secondary.text}`] : [];
  const lines = [`${found.code} ${label}`, ...elsewhere, ...second, ...(found.help ? [found.help] : [])];
  const from = primary.here ? Math.min(primary.from, length) : 0;
  const to = primary.here ? Math.min(Math.max(primary.to, from), length) : 0;
  return { from, to, severity: found.severity, message: lines.join("\n") };
}

function show(view: EditorView, at: number): void {
  const anchor = Math.min(at, view.state.doc.length);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  view.focus();
}

function showLine(view: EditorView, line: number): void {
  show(view, view.state.doc.line(Math.min(line, view.state.doc.lines)).from);
}

/**
 * Inserts a block where it is asked last but before what answers everything: in front of the `otherwise` or the tests
 * that end the script, and of the comments that belong to them. A gap (`…`) in it is selected, to be typed over.
 */
function insertBlock(view: EditorView, block: string): void {
  const { doc } = view.state;
  const isTest = /^test\b/.test(block);
  let line = doc.lines + 1;
  for (let at = 1; at <= doc.lines; at += 1) {
    if (!isTest && /^(?:otherwise|test)\b/.test(doc.line(at).text)) {
      line = at;
      break;
    }
  }
  while (line > 1 && line <= doc.lines && doc.line(line - 1).text.startsWith("#")) line -= 1;
  const atEnd = line > doc.lines;
  const from = atEnd ? doc.length : doc.line(line).from;
  const gap = atEnd && doc.length > 0 ? (doc.sliceString(doc.length - 1) === "\n" ? "\n" : "\n\n") : "";
  const insert = `${gap}${block.trimEnd()}\n${atEnd ? "" : "\n"}`;
  const blank = insert.indexOf("…");
  const start = from + (blank < 0 ? gap.length : blank);
  const selection = EditorSelection.range(start, blank < 0 ? start : start + 1);
  view.dispatch({ changes: { from, insert }, selection, effects: EditorView.scrollIntoView(start, { y: "center" }) });
}
