/** The journal as it grows; of each request what it was, what came of it and why. Two can be compared. */
import { signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { api, type Entry } from "../api";
import { Diff } from "../diff";
import { entries, version } from "../journal";
import { Choice, Empty, Filter, shortPlace, time, Windowed } from "../parts";
import { attempt, called, go, idOf, mocks, named } from "../store";
import { isError, Opened, tone } from "./request";

const words = signal("");
const only = signal<"all" | "miss" | "error" | "open">("all");
const about = signal("");
/** The one that another is to be compared with, and both of them once that one is chosen. */
const first = signal<number | null>(null);
const pair = signal<[number, number] | null>(null);

const ROW = 30; // pixels

export function Requests() {
  version.value;
  const shown = filtered();
  const opened = named.value === null ? null : Number(named.value);
  const selected = opened === null ? -1 : shown.findIndex((each) => each.id === opened);
  const clear = () => attempt(() => api("DELETE", "journal"));
  const select = (id: number) => {
    if (first.value === null || first.value === id) return go("requests", id);
    pair.value = first.value < id ? [first.value, id] : [id, first.value];
    first.value = null;
  };
  const beside = pair.value !== null ? "pair" : opened !== null && first.value === null ? "opened" : null;
  // Who closes what stands beside the list goes on in the list.
  const before = useRef(beside);
  useEffect(() => {
    if (before.current !== null && beside === null) document.querySelector<HTMLElement>("[role=listbox]")?.focus();
    before.current = beside;
  }, [beside]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || (event.target as HTMLElement).closest("input:not([type=radio]), select")) return;
      if (pair.value !== null) pair.value = null;
      else if (first.value !== null) first.value = null;
      else if (named.value !== null) go("requests");
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <div class={beside === null ? "split requests" : "split requests opened"}>
      <section class="pane" aria-label="Journal">
        <div class="bar">
          <Filter words={words} placeholder="Filter: rule, path, session, model, status" />
          {(mocks.value?.length ?? 0) > 1 && (
            <label>
              <span class="hidden">Mock</span>
              <select value={about.value} onChange={(event) => (about.value = event.currentTarget.value)}>
                <option value="">All mocks</option>
                {mocks.value!.map((each) => (
                  <option key={each.id} value={each.id}>
                    {called(each.name)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <Choice
            label="Which"
            value={only.value}
            options={[
              ["all", "All"],
              ["miss", "Misses"],
              ["error", "Errors"],
              ["open", "Under way"],
            ]}
            onChange={(to) => (only.value = to)}
          />
          <button type="button" onClick={clear}>
            Clear
          </button>
        </div>
        <div class="entry head" aria-hidden="true">
          <span class="when">time</span>
          <span>status</span>
          <span>rule</span>
          <span>path</span>
          <span class="wide">session</span>
          <span class="number">took</span>
        </div>
        {shown.length === 0 ? (
          <Empty title={version.value > 0 && entries().length ? "Nothing like this" : "No request yet"}>
            <p>Requests appear here as they arrive, the newest first.</p>
          </Empty>
        ) : (
          <Windowed
            label="Requests"
            items={shown}
            keyOf={(each) => each.id}
            height={ROW}
            selected={selected}
            onSelect={(index) => select(shown[index]!.id)}
            row={(each) => <Row entry={each} />}
          />
        )}
        <div class="bar foot">
          <span class="muted" role="status" data-count>
            {shown.length.toLocaleString("en")} of {entries().length.toLocaleString("en")}
          </span>
          {first.value !== null && (
            <>
              <span>Choose the one to compare request {first.value} with.</span>
              <button type="button" class="small" onClick={() => (first.value = null)}>
                Cancel
              </button>
            </>
          )}
        </div>
      </section>
      {pair.value && <Compared key={pair.value.join()} ids={pair.value} />}
      {beside === "opened" && opened !== null && (
        <Opened key={opened} id={opened} onCompare={() => (first.value = opened)} />
      )}
    </div>
  );
}

function filtered(): Entry[] {
  const sought = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const of = about.value;
  const which = only.value;
  return entries().filter((entry) => {
    if (of && idOf(entry.mock) !== of) return false;
    if (which === "miss" && !entry.miss) return false;
    if (which === "error" && !isError(entry)) return false;
    if (which === "open" && entry.outcome !== null) return false;
    if (sought.length === 0) return true;
    const { rule, place, path, session, model, status, outcome, mock, transport, error } = entry;
    const text = [rule, place, path, session, model, status, outcome, mock, transport, error].join(" ").toLowerCase();
    return sought.every((each) => text.includes(each));
  });
}

function Row({ entry }: { entry: Entry }) {
  return (
    <div class="entry">
      <span class="when muted mono">{clock(entry.time)}</span>
      <span class={tone(entry)}>{entry.status ?? "–"}</span>
      <span class="clip">
        {entry.miss ? <span class="bad">no rule</span> : (entry.rule ?? (entry.place ? shortPlace(entry.place) : "–"))}
      </span>
      <span class="clip muted" title={entry.path}>
        {entry.mock && `/${entry.mock}`}
        {entry.path.replace(/^\/v1(?=\/)/, "")}
      </span>
      <span class="clip muted wide">{entry.session}</span>
      <span class="number muted">{ended(entry)}</span>
    </div>
  );
}

/** How long it took; how it ended, if not well. */
function ended({ outcome, took }: Entry): string {
  if (outcome === null) return "…";
  return outcome === "complete" ? time((took ?? 0) * 1000) : outcome;
}

/** The time of day here, to the millisecond. */
function clock(iso: string): string {
  const at = new Date(iso);
  const two = (part: number) => String(part).padStart(2, "0");
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}

// -- two requests -------------------------------------------------------------------------------------------------

function Compared({ ids }: { ids: [number, number] }) {
  const both = useSignal<[Entry, Entry] | null>(null);
  useEffect(() => {
    void attempt(async () => {
      const read = (id: number) => api<Entry>("GET", `journal/${id}`);
      both.value = [await read(ids[0]), await read(ids[1])];
    });
  }, []);
  const texts = useMemo(() => both.value?.map(comparable), [both.value]);
  return (
    <section class="pane" aria-label="Comparison">
      <div class="bar">
        <strong>
          Requests {ids[0]} and {ids[1]}
        </strong>
        <span class="grow" />
        <button type="button" class="small" onClick={() => (pair.value = null)}>
          Close
        </button>
      </div>
      <div class="compare">{texts && <Diff label="Differences" before={texts[0]!} after={texts[1]!} />}</div>
    </section>
  );
}

/** What two entries may differ in that says something: not their ids and times of day. */
function comparable(entry: Entry): string {
  const { id: _id, time: _time, plan: _plan, took: _took, seed: _seed, ordinal: _ordinal, headers, ...rest } = entry;
  return JSON.stringify({ ...rest, headers }, null, 2);
}
