/** What is tried: the request as it is composed, the exchange that goes on, and what the journal says of it. */
import { batch, computed, effect, signal } from "@preact/signals";
import { api, type Entry, type Mock } from "./api";
import { Exchange, type Endpoint, type Question, type Wire } from "./exchange";
import { parsed } from "./frames";
import { newest, since, version } from "./journal";
import { basePath, idOf, mock } from "./store";

// These stay as they are while other views are looked at.
export const endpoint = signal<Endpoint>("chat");
export const wire = signal<Wire>("sse");
export const path = signal("");
export const raw = signal(false);
export const body = signal("");
export const model = signal("");
export const system = signal("");
export const user = signal("Hello");
export const session = signal("console");
export const key = signal("");

export const exchange = signal<Exchange | null>(null);
/** What the journal says of the exchange, as far as it does yet: its entries, by id. */
export const found = signal<Entry[]>([]);
export const verdict = signal<{ name: string; difference: string | null } | null>(null);

/** The journal's entries from before the exchange are none of it. */
let before = 0;

export const composed = computed(() => {
  const streams = wire.value === "sse" ? { stream: true } : {};
  const chosen = model.value || mock.value?.models[0] || "gpt-4o-mini";
  if (endpoint.value === "socket") return JSON.stringify({ type: "message", text: user.value }, null, 2);
  if (endpoint.value === "responses") {
    const type = wire.value === "websocket" ? { type: "response.create" } : {};
    const instructions = system.value ? { instructions: system.value } : {};
    return JSON.stringify({ ...type, model: chosen, ...instructions, input: user.value, ...streams }, null, 2);
  }
  const messages = [{ role: "user", content: user.value }];
  if (system.value) messages.unshift({ role: "system", content: system.value });
  return JSON.stringify({ model: chosen, messages, ...streams }, null, 2);
});

const asked = () => (raw.value ? body.value : composed.value);

function question(of: Mock): Question {
  return {
    mock: of.id,
    base: basePath(of),
    endpoint: endpoint.value,
    wire: endpoint.value === "socket" ? "websocket" : wire.value,
    path: new URL(basePath(of).replace(/\/v1$/, "") + (path.value || of.sockets[0] || "/"), location.href).pathname,
    session: session.value,
    key: key.value,
  };
}

export function begin(asking: Question): Exchange {
  exchange.peek()?.stop();
  const begun = new Exchange(asking);
  before = newest();
  batch(() => {
    exchange.value = begun;
    found.value = [];
    verdict.value = null;
    looked.clear();
  });
  return begun;
}

export async function send(of: Mock): Promise<void> {
  const asking = question(of);
  if (asking.wire !== "websocket") return begin(asking).ask(asked());
  const running = exchange.peek();
  // On an open socket of the same place this is the next frame.
  const again = running?.open && running.question.mock === of.id && running.question.endpoint === asking.endpoint;
  const on = again ? running : begin(asking);
  if (!again) await on.connect();
  if (on.open) on.send(oneLine(asked()));
}

/** A frame as clients send it; what is not JSON is sent as it stands. */
function oneLine(text: string): string {
  const value = parsed(text);
  return value === undefined ? text : JSON.stringify(value);
}

// The entries of the exchange are found in the journal as they arrive there: by the id that it sends along. The live
// journal is brief, so that each candidate is read once, and again when it is over.
const looked = new Map<number, string | null>();
effect(() => {
  version.value;
  const running = exchange.peek();
  if (!running || complete(running)) return;
  for (const entry of since(before)) {
    if (looked.get(entry.id) === entry.outcome || !couldBe(entry, running.question)) continue;
    void look(running, entry);
  }
});

/** The entry of each turn, as far as it is known; what a socket says before it is asked has none. */
export function entriesOf(running: Exchange): (Entry | undefined)[] {
  let asked = 0;
  return running.turns.map((turn) => (turn.request ? found.value[asked++] : undefined));
}

function complete(running: Exchange): boolean {
  return running.question.wire !== "websocket" && found.peek()[0]?.outcome != null;
}

function couldBe(entry: Entry, { mock: id, wire: by }: Question): boolean {
  return idOf(entry.mock) === id && (entry.transport === null || entry.transport === by);
}

async function look(running: Exchange, brief: Entry): Promise<void> {
  looked.set(brief.id, brief.outcome);
  const entry = await api<Entry>("GET", `journal/${brief.id}`).catch(() => null);
  if (!entry || exchange.peek() !== running) return;
  const own = entry.headers?.["x-client-request-id"] ?? entry.query?.["client_request_id"];
  if (own !== running.id || (entry.body === null && entry.transport === "websocket")) return;
  const known = found.peek().filter((each) => each.id !== entry.id);
  found.value = [...known, entry].sort((one, other) => one.id - other.id);
}
