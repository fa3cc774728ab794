/** Which mocks there are, where they are, and how they are asked; a new one is made here. */
import { useSignal } from "@preact/signals";
import { api, mockPath, Refused, type Mock, type MockSummary } from "../api";
import { Choice, Copy, Empty } from "../parts";
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
            placeholder="Name of a new mock: letters, digits, hyphens"
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

const SHOWN = Object.keys(SNIPPETS).map((each) => [each, each] as const);

function MockCard({ mock }: { mock: MockSummary }) {
  const shown = useSignal<string | null>(null);
  const urls = [
    ["Path", mock.base_urls.path],
    ["Subdomain", mock.base_urls.subdomain],
  ] as const;
  const snippet = (kind: string) => SNIPPETS[kind]!(mock.base_urls.path);
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
  const sure = useSignal(false);
  const remove = () =>
    attempt(async () => {
      await api("DELETE", mockPath(mock.id));
      await refreshMocks();
    });
  if (!sure.value) {
    return (
      <button type="button" class="small quiet" onClick={() => (sure.value = true)}>
        Delete<span class="hidden"> {basePath(mock)}</span>
      </button>
    );
  }
  return (
    <span role="group" class="bar" aria-label={`Delete ${mock.name}?`}>
      <button type="button" class="small danger" onClick={remove}>
        Delete {mock.stored ? `${mock.name}.llmock` : mock.name} for good
      </button>
      <button type="button" class="small" ref={(button) => button?.focus()} onClick={() => (sure.value = false)}>
        Keep
      </button>
    </span>
  );
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
