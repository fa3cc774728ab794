/** What all views share: where we are, which mocks there are, which one is looked at, and what is to be told. */
import { batch, computed, effect, signal } from "@preact/signals";
import { api, mockPath, Refused, type Catalogue, type Mock, type MockSummary } from "./api";

export const VIEWS = ["mocks", "script", "try", "requests", "sessions"] as const;
export type View = (typeof VIEWS)[number];

/** The page's address behind `#`: `script/hello`, `requests/12`. */
const address = signal(location.hash.slice(1));
addEventListener("hashchange", () => (address.value = location.hash.slice(1)));

export const view = computed<View>(() => {
  const named = address.value.split("/")[0] as View;
  return VIEWS.includes(named) ? named : "mocks";
});

/** What is named behind the view: the id of a mock, or of an entry of the journal. */
export const named = computed(() => unescaped(address.value.split("/")[1] ?? "") || null);

/** A part of an address as it was meant: anybody may type one, also one that no page has written. */
export function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function link(to: View, id?: string | number | null): string {
  return `#${to}${id === undefined || id === null ? "" : `/${encodeURIComponent(id)}`}`;
}

export function go(to: View, id?: string | number | null): void {
  location.hash = link(to, id);
}

/** One thing that went well or wrong, for the person; it stays until it is put away or something else is told. */
export const notice = signal<string | null>(null);

/** Does it, and tells what went wrong, if anything; whether it went well. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    const unreachable = error instanceof TypeError;
    notice.value = unreachable ? "The server cannot be reached." : (error as Error).message;
    return false;
  }
}

export const mocks = signal<MockSummary[] | null>(null);
const chosen = signal<string | null>(null);

/** The mock that the views are about: the one named in the address, the last one looked at, or the first. */
export const current = computed<MockSummary | null>(() => {
  const about = view.value === "requests" ? null : named.value;
  const all = mocks.value ?? [];
  const by = (id: string | null) => (id === null ? undefined : all.find((each) => each.id === id));
  return by(about) ?? by(chosen.value) ?? all[0] ?? null;
});
effect(() => {
  if (view.value !== "requests" && named.value !== null) chosen.value = named.value;
});

export async function refreshMocks(): Promise<void> {
  const found = (await api<{ mocks: MockSummary[] }>("GET", "mocks")).mocks;
  if (JSON.stringify(found) !== JSON.stringify(mocks.peek())) mocks.value = found;
}

/** The whole of the current mock; null until it is read. */
export const mock = signal<Mock | null>(null);
const revision = computed(() => (current.value ? `${current.value.id} ${current.value.revision}` : null));

export async function readMock(): Promise<void> {
  const id = current.peek()?.id;
  if (id === undefined) mock.value = null;
  else mock.value = await api<Mock>("GET", mockPath(id)).catch((error) => (gone(error) ? null : Promise.reject(error)));
}

effect(() => {
  if (revision.value !== null) void attempt(readMock);
  else mock.value = null;
});

function gone(error: unknown): boolean {
  return error instanceof Refused && error.status === 404;
}

/** Takes over what the server says of a mock that was made or changed. */
export function served(changed: Mock): void {
  batch(() => {
    const others = (mocks.peek() ?? []).filter((each) => each.id !== changed.id);
    const { script: _script, ...summary } = changed;
    mocks.value = [...others, summary].sort((one, other) => (one.id < other.id ? -1 : 1));
    chosen.value = changed.id;
    mock.value = changed;
  });
}

export const catalogue = signal<Catalogue | null>(null);

export const serverVersion = signal<string | null>(null);

/** How a mock is called in the page; the one at the root has no name. */
export const called = (name: string) => name || "(root)";
/** Where a mock's endpoints are, on this server. */
export const basePath = (summary: MockSummary) => new URL(summary.base_urls.path).pathname;
/** The id of the mock that an entry of the journal names. */
export const idOf = (name: string) => name.toLowerCase() || "-";
