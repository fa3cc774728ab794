/** What came of the request that is tried: frame by frame, against the plan. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Entry, type Mock } from "../api";
import { type Frame } from "../exchange";
import { decode, parsed, said } from "../frames";
import { Choice, Copy, Empty, Passage, shownJson, time, Windowed } from "../parts";
import { testBlock } from "../test_block";
import { Timeline } from "../timeline";
import { entriesOf, exchange, user, verdict } from "../trial";
import { Keep } from "./kept";
import { plural } from "./mocks";
import { insertInto } from "./script";

export function Answer({ mock: of }: { mock: Mock }) {
  const running = exchange.value;
  running?.version.value;
  const shownTurn = useSignal<number | null>(null);
  const chosen = useSignal(-1);
  useEffect(() => {
    shownTurn.value = null;
    chosen.value = -1;
  }, [running]);
  if (!running) {
    return (
      <section class="pane" aria-label="Answer">
        <Empty title="Nothing asked yet">
          <p>Each frame of the answer appears here as it arrives, with its time beside the planned one.</p>
        </Empty>
      </section>
    );
  }
  const index = shownTurn.value ?? Math.max(0, running.turns.length - 1);
  const turn = running.turns[index];
  const frames = turn?.frames ?? [];
  const entries = entriesOf(running);
  const { planned, late } = timing(frames, entries[index]);
  const block = () => testBlock(running, entries, `answers ${user.value.slice(0, 40)} ${running.id.slice(-4)}`);
  return (
    <section class="pane" aria-label="Answer">
      <div class="bar">
        <strong class={(running.status ?? 0) >= 400 ? "bad" : undefined} data-status>
          {running.status ?? "…"}
        </strong>
        <span class="muted clip" role="status" data-ending>
          {running.ending ?? (running.open ? "open" : "under way")} · {plural(frames.length, "frame")}
        </span>
        <span class="grow" />
        <Copy label="Copy as test" text={block} />
        <button type="button" class="small" onClick={() => insertInto(of.id, block())}>
          Add test to script
        </button>
        <Keep exchange={running} />
      </div>
      {verdict.value && (
        <div class="section" role="status" data-verdict>
          {verdict.value.difference === null ? (
            <span class="good">“{verdict.value.name}”: the same sequence again.</span>
          ) : (
            <span class="bad">
              “{verdict.value.name}”: {verdict.value.difference}
            </span>
          )}
        </div>
      )}
      {running.turns.length > 1 && (
        <div class="section">
          <Choice
            label="Turn"
            value={String(index)}
            options={running.turns.map((_, at) => [String(at), `Turn ${at + 1}`] as const)}
            onChange={(at) => {
              shownTurn.value = Number(at) === running.turns.length - 1 ? null : Number(at);
              chosen.value = -1;
            }}
          />
        </div>
      )}
      {frames.length > 0 && (
        <div class="section">
          <Timeline planned={planned} actual={frames.map((each) => each.at)} late={late} chosen={chosen.value} />
        </div>
      )}
      <Whole frames={frames} />
      <Frames frames={frames} late={late} chosen={chosen} />
    </section>
  );
}

/** When each chunk was planned, in milliseconds, and how late each came that did. */
function timing(frames: readonly Frame[], entry: Entry | undefined): { planned: number[]; late: number[] } {
  const whole = entry?.transport === "json"; // all chunks come at once, when the last of them is due
  const plan = whole ? [entry.planned ?? 0] : (entry?.plan ?? []);
  const planned = plan.map((at) => at * 1000);
  const chunks = whole ? frames : frames.filter((frame) => decode(frame.data).chunk);
  const late = chunks.slice(0, planned.length).map((frame, index) => frame.at - planned[index]!);
  return { planned, late };
}

function Whole({ frames }: { frames: readonly Frame[] }) {
  const whole = said(frames.map((each) => each.data));
  const parts = (["thinking", "text", "refusal"] as const).filter((each) => whole[each] !== null);
  if (parts.length === 0 && whole.calls.length === 0 && !whole.error) return null;
  return (
    <div class="section said" data-said tabIndex={0}>
      {parts.map((each) => (
        <p key={each} class={each === "thinking" ? "muted" : undefined}>
          {whole[each]}
        </p>
      ))}
      {whole.calls.map((call, index) => (
        <p key={index} class="mono">
          {call.name} {call.arguments}
        </p>
      ))}
      {whole.error && <p class="bad">{whole.error.message}</p>}
    </div>
  );
}

const ROW = 26; // pixels

function Frames(props: { frames: readonly Frame[]; late: readonly number[]; chosen: { value: number } }) {
  const { frames, late, chosen } = props;
  const decoded = useSignal(true);
  let chunk = 0;
  const rows = frames.map((frame) => {
    const meant = decode(frame.data);
    return { frame, meant, late: meant.chunk ? late[chunk++] : undefined };
  });
  const shown = rows[chosen.value];
  return (
    <>
      <div class="bar section">
        <Choice
          label="Frames as"
          value={decoded.value ? "decoded" : "raw"}
          options={[
            ["decoded", "Decoded"],
            ["raw", "Raw"],
          ]}
          onChange={(to) => (decoded.value = to === "decoded")}
        />
        <span class="muted">Time since the request, lateness against the plan</span>
        <span class="grow" />
        <Copy
          label="Copy raw"
          text={() => frames.map((each) => each.raw).join(frames[0]?.raw.endsWith("\n") ? "" : "\n")}
        />
      </div>
      <div class="frames" style={{ "--rows": rows.length }}>
        <Windowed
          label="Frames"
          items={rows}
          keyOf={(_, index) => index}
          height={ROW}
          selected={chosen.value}
          onSelect={(index) => (chosen.value = index)}
          row={({ frame, meant, late: by }) => (
            <div class="frame">
              <span>{time(frame.at)}</span>
              <span class="muted">{by === undefined ? "" : `${by < 0 ? "−" : "+"}${time(Math.abs(by))}`}</span>
              <span class={meant.meaning === "error" ? "bad wide" : "muted wide"}>{meant.meaning}</span>
              <span class="clip text">{decoded.value ? visible(meant.text) : visible(frame.raw.trimEnd())}</span>
            </div>
          )}
        />
      </div>
      {shown && (
        <Passage
          title={`Frame ${chosen.value + 1}`}
          text={decoded.value ? pretty(shown.frame.data) : shown.frame.raw}
          copied={shown.frame.raw}
        />
      )}
    </>
  );
}

function visible(text: string): string {
  return text
    .replace(/\r/g, "␍")
    .replace(/\n/g, "⏎")
    .replace(/^ +| +$/g, (spaces) => "·".repeat(spaces.length));
}

function pretty(text: string): string {
  const value = parsed(text);
  return value === undefined ? text : shownJson(value);
}
