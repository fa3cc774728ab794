/** One request of the journal: what it was, how it went, why, and what was answered. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, type Entry, type Performance, type Trace, type Verdict } from "../api";
import { entries, version } from "../journal";
import { Passage, shortPlace, shownJson, time } from "../parts";
import { attempt, go, idOf } from "../store";
import { Timeline } from "../timeline";
import { plural } from "./mocks";
import { insertInto } from "./script";

export function Opened({ id, onCompare }: { id: number; onCompare: () => void }) {
  const entry = useSignal<Entry | null>(null);
  const trace = useSignal<Trace | string | null>(null);
  version.value;
  const outcome = entries().find((each) => each.id === id)?.outcome;
  useEffect(() => {
    void attempt(async () => {
      entry.value = await api<Entry>("GET", `journal/${id}`);
    });
  }, [outcome]);
  useEffect(() => {
    api<Trace>("GET", `explain/${id}`).then(
      (explained) => (trace.value = explained),
      (error: Error) => (trace.value = error.message),
    );
  }, []);
  if (!entry.value) return <section class="pane" aria-label={`Request ${id}`} />;
  return <Detail entry={entry.value} trace={trace.value} onCompare={onCompare} />;
}

function Detail(props: { entry: Entry; trace: Trace | string | null; onCompare: () => void }) {
  const { entry, trace } = props;
  const planned = (entry.plan ?? []).map((at) => at * 1000);
  const facts: [string, string | null | undefined][] = [
    ["Answered by", entry.rule ? `${entry.rule}, ${entry.place}` : entry.place],
    ["Error", entry.error],
    ["Note", entry.note],
    ["Ended", outcomeText(entry)],
    ["Planned", entry.planned === null ? null : time(entry.planned * 1000)],
    ["Took", entry.took === null ? null : time(entry.took * 1000)],
    ["Sent", `${plural(entry.events, "event")}, ${plural(entry.sent, "byte")}`],
    ["Session", entry.session],
    ["Seed", entry.seed],
    ["Came", new Date(entry.time).toLocaleString()],
  ];
  return (
    <section class="pane" aria-label={`Request ${entry.id}`}>
      <div class="bar">
        <strong class={tone(entry)}>{entry.status ?? "–"}</strong>
        <span class="clip">
          {entry.method} {entry.mock && `/${entry.mock}`}
          {entry.path}
        </span>
        <span class="muted">{entry.transport}</span>
        <span class="grow" />
        <button type="button" class="small" onClick={props.onCompare}>
          Compare with…
        </button>
        <button type="button" class="small" onClick={() => go("requests")}>
          Close
        </button>
      </div>
      <div class="section">
        <dl class="facts">
          {facts.map(
            ([name, value]) =>
              value != null && (
                <>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </>
              ),
          )}
        </dl>
      </div>
      {planned.length > 0 && (
        <div class="section">
          <Timeline
            planned={planned}
            actual={entry.took === null ? [] : [entry.took * 1000]}
            late={entry.took === null ? [] : [(entry.took - (entry.planned ?? 0)) * 1000]}
            name="ended"
          />
        </div>
      )}
      <Why entry={entry} trace={trace} />
      <Passage title="Request" text={shownJson(entry.body ?? null)} />
      <Answer entry={entry} />
      <Passage
        title="Headers"
        text={shownJson({ ...entry.headers, ...(hasAny(entry.query) && { "(query)": entry.query }) })}
      />
    </section>
  );
}

function hasAny(value: object | undefined): boolean {
  return value !== undefined && Object.keys(value).length > 0;
}

const OUTCOMES: Record<string, string> = {
  complete: "complete",
  left: "the client left",
  cut: "cut, as the script says",
  reset: "reset, as the script says",
  hang: "hung, as the script says",
  failed: "failed by a mistake of mockllm: please report it",
};

function outcomeText({ outcome, fails, took }: Entry): string {
  if (outcome === "complete" && fails) return "complete: an error, as the script says";
  if (outcome === null) return "not yet: the answer is under way";
  const at = outcome === "left" && took !== null ? ` after ${time(took * 1000)}` : "";
  return (OUTCOMES[outcome] ?? outcome) + at;
}

// -- why ----------------------------------------------------------------------------------------------------------

/** Of how many rules it is told how they took a request. */
const TOLD = 200;

function Why({ entry, trace }: { entry: Entry; trace: Trace | string | null }) {
  if (trace === null) return null;
  if (typeof trace === "string") {
    return (
      <div class="section">
        <h2>Why</h2>
        <p class="muted">{trace}</p>
      </div>
    );
  }
  const { skeleton } = trace;
  return (
    <div class="section" data-why>
      <h2>Why</h2>
      {skeleton !== null && (
        <div class="card stack">
          <p>No rule holds. This one would:</p>
          <pre>{skeleton}</pre>
          <button type="button" class="primary" onClick={() => insertInto(idOf(entry.mock), skeleton)}>
            Add this rule to the script
          </button>
        </div>
      )}
      <ol class="why">
        {trace.rules.slice(0, TOLD).map((each) => (
          <Taken key={each.place} verdict={each} />
        ))}
      </ol>
      {trace.rules.length > TOLD && <p class="muted">and {trace.rules.length - TOLD} more rules</p>}
      {trace.notes?.map((each) => (
        <p key={each} class="muted">
          {each}
        </p>
      ))}
    </div>
  );
}

function Taken({ verdict }: { verdict: Verdict }) {
  const { failed } = verdict;
  const state = verdict.answers ? "answers" : verdict.matches ? "holds, but an earlier one answers" : "does not hold";
  return (
    <li>
      <span class={verdict.answers ? "good" : "muted"}>{verdict.answers ? "✓" : verdict.matches ? "·" : "✗"}</span>{" "}
      <strong>{verdict.rule ?? ""}</strong>{" "}
      <span class="muted" title={verdict.place}>
        {shortPlace(verdict.place)}
      </span>{" "}
      {state}
      {failed && <span class="part">{failed.condition}</span>}
      {failed?.values.map(({ field, value }) => (
        <span key={field} class="part muted">
          {field} is {JSON.stringify(value) ?? "absent"}
        </span>
      ))}
      {Object.entries(verdict.captures).map(([name, value]) => (
        <span key={name} class="part muted">
          {name} = {JSON.stringify(value)}
        </span>
      ))}
    </li>
  );
}

// -- the answer, again --------------------------------------------------------------------------------------------

/** The answer is not kept. Its seed gives it again, as far as the script and the session are as they were. */
function Answer({ entry }: { entry: Entry }) {
  const again = useSignal<Performance | null>(null);
  const askable = entry.endpoint === "chat" || entry.endpoint === "responses";
  if (!askable || entry.body === null || typeof entry.body !== "object") return null;
  const perform = () =>
    attempt(async () => {
      const { endpoint, transport, body, session, seed } = entry;
      const request = { mock: idOf(entry.mock), endpoint, transport, body, session, seed };
      again.value = await api<Performance>("POST", "try", request);
    });
  const text = again.value?.frames
    .map(({ data, encoding }) => (encoding === "utf-8" ? data : `(base64) ${data}`))
    .join("\n");
  if (text !== undefined) return <Passage title="Answer" text={text} />;
  return (
    <div class="section">
      <div class="bar">
        <h2>Answer</h2>
        <span class="grow" />
        <button type="button" class="small" onClick={perform}>
          Give it again by its seed
        </button>
      </div>
      <p class="muted">Answers are not kept. The seed gives it again; nothing moves by that.</p>
    </div>
  );
}

/** Whether a client is told an error: by the status, or amid a stream. */
export function isError(entry: Entry): boolean {
  return entry.fails || (entry.status ?? 0) >= 400;
}

/** The class of a status. */
export function tone(entry: Entry): string {
  if ((entry.status ?? 0) >= 500) return "bad";
  return isError(entry) ? "warn" : "good";
}
