/** Sequences that are expected again: kept in the browser, each with what was asked. */
import { signal } from "@preact/signals";
import { Exchange, type Question } from "./exchange";
import { decode } from "./frames";
import { recall, remember } from "./kept";

export interface Expected {
  name: string;
  question: Question;
  turns: { request: string; said: string[] }[];
}

const KEY = "mockllm.expected";
/** For how long a socket may be silent before an answer counts as over, in milliseconds. */
const PATIENCE = 10_000;

export const kept = signal<Expected[]>(read());

export function keep(all: Expected[]): void {
  kept.value = all;
  remember(KEY, JSON.stringify(all));
}

function read(): Expected[] {
  try {
    const all = JSON.parse(recall(KEY) ?? "[]");
    return Array.isArray(all) ? all : [];
  } catch {
    return [];
  }
}

/** What an exchange says, frame by frame, without what is new each time: ids, times, padding. */
export function sequence(exchange: Exchange): Expected["turns"] {
  return exchange.turns.map((turn) => ({
    request: turn.request,
    said: turn.frames.map(({ data }) => {
      const { meaning, text } = decode(data);
      return `${meaning}: ${text}`;
    }),
  }));
}

/** Asks the same again; settles when all has come that is expected, or the exchange is over. */
export async function replay(expected: Expected, exchange: Exchange): Promise<void> {
  if (expected.question.wire !== "websocket") return exchange.ask(expected.turns[0]!.request);
  await exchange.connect();
  for (const turn of expected.turns) {
    if (!exchange.open) return;
    if (turn.request) exchange.send(turn.request);
    await settled(exchange, turn.said.length);
  }
  exchange.stop();
}

/** What is the first difference, in words; null if there is none. */
export function difference(expected: Expected["turns"], found: Expected["turns"]): string | null {
  for (const [index, turn] of expected.entries()) {
    const came = found[index]?.said ?? [];
    for (let at = 0; at < Math.max(turn.said.length, came.length); at += 1) {
      if (turn.said[at] === came[at]) continue;
      const where = expected.length > 1 ? `Turn ${index + 1}, frame ${at + 1}` : `Frame ${at + 1}`;
      return `${where}: expected ${shown(turn.said[at])}, came ${shown(came[at])}`;
    }
  }
  return null;
}

function shown(said: string | undefined): string {
  return said === undefined ? "nothing" : `“${said}”`;
}

/** Waits until so many frames of the turn have come, or nothing more will. */
function settled(exchange: Exchange, frames: number): Promise<void> {
  return new Promise((done) => {
    let timer = setTimeout(() => over(), PATIENCE);
    let stop = () => {};
    const over = () => {
      clearTimeout(timer);
      stop();
      done();
    };
    stop = exchange.version.subscribe(() => {
      clearTimeout(timer);
      timer = setTimeout(over, PATIENCE);
      const turn = exchange.turn;
      if (exchange.ending !== null || (turn && (turn.over || turn.frames.length >= frames))) queueMicrotask(over);
    });
  });
}
