/**
 * One exchange with a mocked endpoint, as a client has it: what was sent, and each frame with the time when it came.
 *
 * An exchange has turns: one over HTTP, one for each frame that is sent on a WebSocket. Times are milliseconds since
 * the turn's request left. The journal knows an exchange by the id that it sends along, in the header that OpenAI has
 * for it (`X-Client-Request-Id`), or, as pages cannot set headers of a handshake, in the query.
 */
import { signal } from "@preact/signals";
import { decode, parsed } from "./frames";

export type Endpoint = "chat" | "responses" | "socket";
export type Wire = "json" | "sse" | "websocket";

export interface Frame {
  at: number;
  /** As it came: an event of a stream with its line breaks, a body, a message. */
  raw: string;
  /** What the API says in it: the event's data. */
  data: string;
}

export interface Turn {
  request: string;
  frames: Frame[];
  began: number;
  over: boolean;
}

export interface Question {
  mock: string;
  /** Where the mock is: `/v1`, `/NAME/v1`. */
  base: string;
  endpoint: Endpoint;
  wire: Wire;
  /** Of a socket of the script's own. */
  path: string;
  session: string;
  key: string;
}

const PATHS = { chat: "/chat/completions", responses: "/responses" };
const SOCKET_PATHS = { chat: "/chat", responses: "/responses" };
const ENCODER = new TextEncoder();
const LAST = new Set(["response.completed", "response.incomplete", "response.failed", "error"]);

export class Exchange {
  readonly id = `console-${randomId()}`;
  readonly turns: Turn[] = [];
  /** Counts up with each change, at most once a frame of the screen. */
  readonly version = signal(0);
  status: number | null = null;
  /** How it ended, in a few words; null while it goes on. */
  ending: string | null = null;
  /** The code with which the other side has closed the socket, if it has. */
  closed: number | null = null;

  private scheduled = false;
  private socket: WebSocket | null = null;
  private readonly aborted = new AbortController();

  constructor(readonly question: Question) {}

  get turn(): Turn | undefined {
    return this.turns.at(-1);
  }

  get open(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Asks over HTTP; settles when the answer is over, however it ended. */
  async ask(body: string): Promise<void> {
    const { question } = this;
    const turn = this.begin(body);
    const headers: Record<string, string> = { "content-type": "application/json", "x-client-request-id": this.id };
    if (question.session) headers["x-mockllm-session"] = question.session;
    if (question.key) headers["authorization"] = `Bearer ${question.key}`;
    const url = question.base + PATHS[question.endpoint as keyof typeof PATHS];
    try {
      const response = await fetch(url, { method: "POST", headers, body, signal: this.aborted.signal });
      this.status = response.status;
      this.changed();
      const streams = response.headers.get("content-type")?.startsWith("text/event-stream");
      if (streams && response.body) await this.read(response.body, turn);
      else this.add(turn, await response.text());
      this.end(turn, "complete");
    } catch (error) {
      const broken = turn.frames.length || this.status !== null ? "the connection broke" : "no answer";
      this.end(turn, this.aborted.signal.aborted ? "stopped by you" : broken);
    }
  }

  /** Opens the WebSocket; settles when it is open, or has failed to. */
  connect(): Promise<void> {
    const { question, id } = this;
    const path = question.endpoint === "socket" ? question.path : question.base + SOCKET_PATHS[question.endpoint];
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("client_request_id", id);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const opened = performance.now();
    socket.onmessage = ({ data }) => {
      const raw = typeof data === "string" ? data : `(${data.byteLength} bytes)`;
      const turn = this.turn ?? this.begin("", opened);
      this.add(turn, raw);
      if (ends(raw)) turn.over = true;
    };
    return new Promise((settled) => {
      socket.onopen = () => {
        this.status = 101;
        this.changed();
        settled();
      };
      socket.onclose = ({ code, reason }) => {
        const refused = this.status === null;
        if (!refused && !this.aborted.signal.aborted) this.closed = code;
        this.end(this.turn, refused ? "refused: no such socket" : `closed ${code}${reason ? ` ${reason}` : ""}`);
        settled();
      };
    });
  }

  /** Sends a frame on the open WebSocket. */
  send(text: string): void {
    this.begin(text);
    this.socket?.send(text);
  }

  /** Leaves: as a client does that goes away, or closes its socket. */
  stop(): void {
    this.aborted.abort();
    this.socket?.close(1000);
  }

  private begin(request: string, began = performance.now()): Turn {
    const turn = { request, frames: [], began, over: false };
    this.turns.push(turn);
    this.changed();
    return turn;
  }

  private add(turn: Turn, raw: string, data = raw): void {
    turn.frames.push({ at: performance.now() - turn.began, raw, data });
    this.changed();
  }

  private end(turn: Turn | undefined, ending: string): void {
    if (turn) turn.over = true;
    this.ending = ending;
    this.changed();
  }

  private async read(body: ReadableStream<Uint8Array>, turn: Turn): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let held = "";
    const flush = () => {
      const events = held.split(/(?<=\r?\n\r?\n)/);
      held = events.at(-1)?.match(/\n\r?\n$/) ? "" : (events.pop() ?? "");
      for (const raw of events) this.add(turn, raw, dataOf(raw));
    };
    try {
      for (;;) {
        const { done, value } = await reader.read();
        held += done ? decoder.decode() : decoder.decode(value, { stream: true });
        flush();
        if (done) break;
      }
    } finally {
      if (held) this.add(turn, held, dataOf(held)); // cut amid an event
    }
  }

  private changed(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    // A page in the background gets no animation frames.
    const soon = document.hidden ? (call: () => void) => setTimeout(call, 100) : requestAnimationFrame;
    soon(() => {
      this.scheduled = false;
      this.version.value += 1;
    });
  }
}

/** What an event of a stream carries, or the event itself if it is none. */
function dataOf(raw: string): string {
  const data = raw.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return data.length ? data.map((line) => line.slice(5).replace(/^ /, "")).join("\n") : raw.trimEnd();
}

/** Whether a message on a socket of one of the APIs is the last one of an answer. */
function ends(raw: string): boolean {
  if (raw === "[DONE]" || decode(raw).meaning === "error") return true;
  const value = parsed(raw);
  return value?.object === "chat.completion" || LAST.has(value?.type);
}

export function bytesOf(text: string): number {
  return ENCODER.encode(text).length;
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (each) => each.toString(16).padStart(2, "0")).join("");
}
