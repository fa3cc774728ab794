/** The page: its head with the views, the view that is shown, and the keys that work everywhere. */
import { useSignal } from "@preact/signals";
import { render } from "preact";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/page.css";
import "./styles/views.css";
import "./styles/narrow.css";
import { api, locked, type Catalogue } from "./api";
import { follow, live } from "./journal";
import {
  attempt,
  called,
  catalogue,
  current,
  go,
  link,
  mocks,
  notice,
  refreshMocks,
  serverVersion,
  view,
  VIEWS,
  type View,
  unescaped,
} from "./store";
import { theme, THEMES, type Theme } from "./theme";
import { Mocks } from "./views/mocks";
import { Requests } from "./views/requests";
import { Script } from "./views/script";
import { Sessions } from "./views/sessions";
import { Try } from "./views/try";

const TITLES: Record<View, string> = {
  mocks: "Mocks",
  script: "Script",
  try: "Try it",
  requests: "Requests",
  sessions: "Sessions",
};
const PAGES = { mocks: Mocks, script: Script, try: Try, requests: Requests, sessions: Sessions };
/** How often to look whether somebody else has changed the mocks, in milliseconds. */
const LOOK = 5000;

function Page() {
  if (locked.value !== null) return <Login />;
  const Shown = PAGES[view.value];
  return (
    <div class="shell">
      <header class="top">
        <a class="brand" href={link("mocks")} title={`mockllm ${serverVersion.value ?? ""}`}>
          mockllm
        </a>
        <nav class="tabs" aria-label="Views">
          {VIEWS.map((each, index) => (
            <a key={each} href={link(each)} aria-current={each === view.value ? "page" : undefined}>
              {TITLES[each]}
              <kbd aria-hidden="true">{index + 1}</kbd>
            </a>
          ))}
        </nav>
        <span class="grow" />
        {view.value !== "requests" && view.value !== "mocks" && <MockPicker />}
        <span class={live.value ? "live" : "live lost"} role="status">
          <span>{live.value ? "live" : "not connected"}</span>
        </span>
        <select
          aria-label="Colours"
          value={theme.value}
          onChange={(event) => (theme.value = event.currentTarget.value as Theme)}
        >
          {THEMES.map((each) => (
            <option key={each} value={each}>
              {each === "system" ? "Auto" : each === "light" ? "Light" : "Dark"}
            </option>
          ))}
        </select>
      </header>
      <div aria-live="polite">
        {notice.value !== null && (
          <div class="notice">
            <span>{notice.value}</span>
            <button type="button" class="small" onClick={() => (notice.value = null)}>
              Dismiss
            </button>
          </div>
        )}
      </div>
      <main>
        <h1 class="hidden">{TITLES[view.value]}</h1>
        {mocks.value !== null && <Shown />}
      </main>
    </div>
  );
}

function MockPicker() {
  const all = mocks.value ?? [];
  if (all.length < 2) return null;
  return (
    <select aria-label="Mock" value={current.value?.id} onChange={(event) => go(view.value, event.currentTarget.value)}>
      {all.map((each) => (
        <option key={each.id} value={each.id}>
          {called(each.name)}
        </option>
      ))}
    </select>
  );
}

function Login() {
  const token = useSignal("");
  const wrong = useSignal<string | null>(null);
  const enter = async (event: Event) => {
    event.preventDefault();
    try {
      await login(token.value);
      await start();
    } catch (error) {
      wrong.value = (error as Error).message;
    }
  };
  return (
    <main class="page">
      <form class="card stack" onSubmit={enter}>
        <h2>This server wants its token</h2>
        <p class="muted">{locked.value}</p>
        <label class="field">
          Token
          <input
            type="password"
            autocomplete="current-password"
            value={token.value}
            onInput={(event) => (token.value = event.currentTarget.value)}
          />
        </label>
        {wrong.value && (
          <p class="bad" role="alert">
            {wrong.value}
          </p>
        )}
        <button class="primary">Enter</button>
      </form>
    </main>
  );
}

async function login(token: string): Promise<void> {
  await api("POST", "login", { token });
  locked.value = null;
  notice.value = null;
}

async function start(): Promise<void> {
  catalogue.value = await api<Catalogue>("GET", "catalogue");
  serverVersion.value = (await api<{ version: string }>("GET", "server")).version;
  await refreshMocks();
  await follow();
  started = true;
}

let started = false;

/** A token in the address (`#token=…`) lets in, and leaves the address at once. */
async function enter(): Promise<void> {
  const token = location.hash.match(/^#token=(.+)$/)?.[1];
  if (token === undefined) return;
  history.replaceState(null, "", location.pathname);
  dispatchEvent(new HashChangeEvent("hashchange"));
  await login(unescaped(token));
}

addEventListener("keydown", (event) => {
  const { target, key } = event;
  const typing = target instanceof HTMLElement && target.closest("input, textarea, select, .cm-editor");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = VIEWS[Number(key) - 1];
  if (to) go(to);
  else if (key === "/") {
    document.querySelector<HTMLElement>("[data-filter]")?.focus();
    event.preventDefault();
  }
});

setInterval(() => {
  if (document.hidden || locked.value !== null) return;
  if (!started) void attempt(start);
  else if (live.value) void refreshMocks().catch(() => {});
}, LOOK);

render(<Page />, document.getElementById("app")!);
void attempt(async () => {
  await enter();
  await start();
});
