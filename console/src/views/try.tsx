/** Asks a mock as a client would, and shows what came, when, and which rule said it. */
import type { EditorView } from "@codemirror/view";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { type Entry, type Mock } from "../api";
import { Editor, markLines, reading, replaceText } from "../editor";
import { llmock } from "../language";
import { Empty, shortPlace } from "../parts";
import { called, catalogue, link, mock } from "../store";
import { exchange, found } from "../trial";
import { Answer } from "./answer";
import { Ask } from "./ask";
import { Kept } from "./kept";

export function Try() {
  const whole = mock.value;
  if (!whole) return <Empty title="No mock to ask">Make one in the view Mocks.</Empty>;
  return (
    <div class="split try">
      <section class="pane" aria-label="Request">
        <Ask mock={whole} />
        <Kept mock={whole} />
        <Answering mock={whole} />
      </section>
      <Answer mock={whole} />
    </div>
  );
}

function Answering({ mock: of }: { mock: Mock }) {
  const view = useRef<EditorView | null>(null);
  const mine = exchange.value?.question.mock === of.id;
  const entry = (mine && found.value.at(-1)) || null;
  const rule = entry?.place ? of.rules.find((each) => each.place === entry.place) : undefined;
  const lines = rule ? (rule.span.here ? ([rule.span.line, rule.span.end_line] as const) : null) : lineOf(entry, of);
  useEffect(() => {
    replaceText(view.current!, of.script);
    markLines(view.current!, lines);
  }, [entry?.id, rule?.place, of.id, of.revision]);
  const extensions = useMemo(() => [reading, catalogue.value ? llmock(catalogue.value.keywords) : []], []);
  return (
    <>
      <div class="section answering" role="status" data-answered>
        {entry === null && <span class="muted">The rule that answers will be marked here.</span>}
        {entry !== null && entry.place !== null && (
          <>
            {entry.rule ? <strong>{entry.rule}</strong> : "A rule"} answered, at{" "}
            <code title={entry.place}>{shortPlace(entry.place)}</code> · <a href={link("requests", entry.id)}>why</a>
          </>
        )}
        {entry !== null && entry.place === null && (
          <>
            <span class="bad">No rule answered.</span> <a href={link("requests", entry.id)}>See why</a>
          </>
        )}
      </div>
      <div class="try-script">
        <Editor
          key={of.id}
          label={`Script of ${called(of.name)}, to read`}
          text={of.script}
          extensions={extensions}
          onView={(made) => (view.current = made)}
        />
      </div>
    </>
  );
}

/** Of a rule that is not in the mock's list, such as a socket's: the line where it begins, if that is in the script. */
function lineOf(entry: Entry | null, of: Mock): [number, number] | null {
  const own = of.path !== null && entry?.place?.startsWith(`${of.path}:`);
  const line = Number(entry?.place?.split(":").at(-1));
  return own && line ? [line, line] : null;
}
