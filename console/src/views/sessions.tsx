/** What a mock remembers of each session, as it moves. */
import { signal, useSignal } from "@preact/signals";
import { Fragment } from "preact";
import { useEffect } from "preact/hooks";
import { api, mockPath, type Mock, type Session } from "../api";
import { version } from "../journal";
import { Empty, Filter, shortPlace, Sure } from "../parts";
import { attempt, mock, notice } from "../store";
import { plural } from "./mocks";

const words = signal("");

export function Sessions() {
  const whole = mock.value;
  if (!whole) return <Empty title="No mock">Make one in the view Mocks.</Empty>;
  return <SessionsOf key={whole.id} whole={whole} />;
}

/** How often sessions are read while requests come, in milliseconds. */
const PAUSE = 300;

function SessionsOf({ whole }: { whole: Mock }) {
  const found = useSignal<{ total: number; sessions: Session[] } | null>(null);
  const read = async () => {
    found.value = await api("GET", `${mockPath(whole.id)}/sessions`);
  };
  // They move when something was asked.
  const moved = version.value;
  useEffect(() => {
    const timer = setTimeout(() => void attempt(read), found.value === null ? 0 : PAUSE);
    return () => clearTimeout(timer);
  }, [moved, whole.revision]);
  const sought = words.value.toLowerCase();
  const shown = (found.value?.sessions ?? []).filter((each) => each.name.toLowerCase().includes(sought));
  const resetAll = () =>
    attempt(async () => {
      await api("POST", "reset");
      notice.value = "All sessions of all mocks and the journal are forgotten.";
      await read();
    });
  return (
    <div class="page stack">
      <div class="bar">
        <Filter words={words} placeholder="Filter by name" />
        <span class="muted" role="status">
          {found.value && plural(found.value.total, "session")}
        </span>
        <Sure
          label="Forget everything"
          confirm="Forget the sessions of all mocks, and the journal"
          onSure={resetAll}
        />
      </div>
      {found.value && shown.length === 0 && (
        <Empty title={found.value.total ? "Nothing like this" : "Nothing is remembered yet"}>
          <p>A session begins with its first request. It belongs to an API key, or to the header x-mockllm-session.</p>
        </Empty>
      )}
      {shown.map((each) => (
        <SessionCard key={each.name} mock={whole} session={each} onChange={read} />
      ))}
    </div>
  );
}

function SessionCard(props: { mock: Mock; session: Session; onChange: () => Promise<void> }) {
  const { mock: of, session } = props;
  const query = `name=${encodeURIComponent(session.name)}`;
  const forget = () =>
    attempt(async () => {
      await api("DELETE", `${mockPath(of.id)}/session?${query}`);
      await props.onChange();
    });
  const put = (scenario: string, by: string | null, state: string) =>
    attempt(async () => {
      await api("PUT", `${mockPath(of.id)}/session/state?${query}`, { scenario, state, ...(by !== null && { by }) });
      await props.onChange();
    });
  const states = (name: string) => of.scenarios.find((each) => each.name === name)?.states ?? [];
  return (
    <section class="card sessions" aria-label={`Session ${session.name}`}>
      <div class="bar">
        <h2 class="clip">{session.name || "(no name)"}</h2>
        <span class="muted">{plural(session.answers, "answer")}</span>
        <span class="grow" />
        <button type="button" class="small" onClick={forget}>
          Forget
        </button>
      </div>
      <table>
        <tbody>
          {session.scenarios.map(({ name, by, state, memory, counters }) => (
            <Fragment key={`${name} ${by}`}>
              <tr>
                <th scope="row">
                  {name}
                  {by && <span> by {by}</span>}
                </th>
                <td>
                  <select
                    aria-label={`State of ${name}`}
                    value={state}
                    onChange={(event) => put(name, by, event.currentTarget.value)}
                  >
                    {(states(name).includes(state) ? states(name) : [state, ...states(name)]).map((each) => (
                      <option key={each} value={each}>
                        {each}
                      </option>
                    ))}
                  </select>
                </td>
              </tr>
              <Remembered memory={memory} counters={counters} by={by} />
            </Fragment>
          ))}
          <Remembered memory={session.memory} counters={session.counters} by={null} />
        </tbody>
      </table>
    </section>
  );
}

/** Rows of what a session remembers, or a scenario for one value of the field that it is `by`. */
function Remembered(props: {
  memory: Record<string, unknown> | undefined;
  counters: Record<string, number> | undefined;
  by: string | null;
}) {
  const of = props.by === null ? "" : ` by ${props.by}`;
  return (
    <>
      {Object.entries(props.memory ?? {}).map(([name, value]) => (
        <tr key={`memory ${name}`}>
          <th scope="row">
            memory.{name}
            {of}
          </th>
          <td class="mono">{JSON.stringify(value)}</td>
        </tr>
      ))}
      {Object.entries(props.counters ?? {}).map(([name, count]) => (
        <tr key={name}>
          <th scope="row" title={name}>
            {shortPlace(name)}
            {of}
          </th>
          <td>{count}</td>
        </tr>
      ))}
    </>
  );
}
