/** Which mocks there are, where they are, and how they are asked; a new one is made here. */
import { useSignal } from "@preact/signals";
import { api, mockPath, Refused, type Mock, type MockSummary } from "../api";
import { Choice, Copy, Empty, Sure } from "../parts";
import { SNIPPETS } from "../snippets";
import { attempt, basePath, called, go, link, mocks, refreshMocks, served } from "../store";

/** What a new mock begins with. */
const BEGINNING = `# Rules are tried from top to bottom; the first that holds answers.

when user mentions "hello" reply "Hello! You asked {{ model }}."

otherwise reply "You said: {{ user }}"
`;

export function Mocks() {
  const all = mocks.value ?? [];
  return (
    <div class="page">
      <NewMock />
      {all.length === 0 && (
        <Empty title="No mock yet">
          <p>A mock is a script that answers as the OpenAI API does. Give it a name to begin.</p>
        </Empty>
      )}
      {all.map((each) => (
        <MockCard key={each.id} mock={each} />
      ))}
    </div>
  );
}

function NewMock() {
  const name = useSignal("");
  const wrong = useSignal<string | null>(null);
  const create = async (event: Event) => {
    event.preventDefault();
    try {
      const made = await api<Mock>("POST", "mocks", { name: name.value.trim(), script: BEGINNING });
      served(made);
      go("script", made.id);
    } catch (error) {
      wrong.value = error instanceof Refused ? error.message : "The server cannot be reached.";
    }
  };
  return (
    <form class="card" onSubmit={create}>
      <div class="bar">
        <label class="grow">
          <span class="hidden">Name of a new mock</span>
          <input
            placeholder="Name of a new mock"
            value={name.value}
            maxLength={63}
            autocomplete="off"
            spellcheck={false}
            data-filter
            aria-invalid={wrong.value !== null}
            aria-describedby="new-mock-wrong"
            onInput={(event) => {
              name.value = event.currentTarget.value;
              wrong.value = null;
            }}
          />
        </label>
        <button class="primary" disabled={!name.value.trim()}>
          Make a mock
        </button>
      </div>
      <p id="new-mock-wrong" class="bad" role="alert">
        {wrong.value}
      </p>
    </form>
  );
}

const WHERE = [
  ["path", "by path"],
  ["subdomain", "by subdomain"],
] as const;
const SHOWN = Object.keys(SNIPPETS).map((each) => [each, each] as const);

function MockCard({ mock }: { mock: MockSummary }) {
  const shown = useSignal<string | null>(null);
  const urls = [
    ["Path", mock.base_urls.path],
    ["Subdomain", mock.base_urls.subdomain],
  ] as const;
  const by = useSignal<"path" | "subdomain">("path");
  const base = (by.value === "subdomain" && mock.base_urls.subdomain) || mock.base_urls.path;
  const snippet = (kind: string) => SNIPPETS[kind]!(base);
  return (
    <section class="card mock" aria-label={called(mock.name)}>
      <div class="bar">
        <h2>
          <a href={link("script", mock.id)}>{called(mock.name)}</a>
        </h2>
        <span class="muted">
          {plural(mock.rule_count, "rule")}
          {mock.warning_count > 0 && <span class="warn"> · {plural(mock.warning_count, "warning")}</span>}
          {!mock.stored && " · not stored on disk"}
        </span>
        <span class="grow" />
        <a href={link("try", mock.id)}>Try it</a>
        <a href={link("sessions", mock.id)}>Sessions</a>
        {mock.name !== "" && <Delete mock={mock} />}
      </div>
      <div class="urls">
        {urls.map(
          ([label, url]) =>
            url && (
              <>
                <span class="muted">{label}</span>
                <code>{url}</code>
                <Copy text={() => url} title={`Copy ${url}`} />
              </>
            ),
        )}
      </div>
      <div class="bar">
        <span class="muted">Ask it by</span>
        <Choice
          label={`How to ask ${called(mock.name)}`}
          value={shown.value ?? ""}
          options={SHOWN}
          onChange={(kind) => (shown.value = kind)}
        />
        {shown.value && mock.base_urls.subdomain && (
          <Choice
            label={`Where to ask ${called(mock.name)}`}
            value={by.value}
            options={WHERE}
            onChange={(to) => (by.value = to)}
          />
        )}
        {shown.value && <Copy text={() => snippet(shown.value!)} label={`Copy ${shown.value}`} />}
      </div>
      {shown.value && (
        <pre class="body-text" tabIndex={0}>
          {snippet(shown.value)}
        </pre>
      )}
    </section>
  );
}

function Delete({ mock }: { mock: MockSummary }) {
  const remove = () =>
    attempt(async () => {
      await api("DELETE", mockPath(mock.id));
      await refreshMocks();
    });
  const label = (
    <>
      Delete<span class="hidden"> {basePath(mock)}</span>
    </>
  );
  const confirm = `Delete ${mock.stored ? `${mock.name}.llmock` : mock.name} for good`;
  return <Sure label={label} confirm={confirm} class="small quiet" onSure={remove} />;
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
