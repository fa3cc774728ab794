/**
 * The journal as it grows: the newest entries, followed live.
 *
 * Changes come one by one and are shown together, ten times a second at most, so that a busy server does not keep the
 * page busy. What is kept is brief; an entry's headers and body are read when it is looked at.
 */
import { signal } from "@preact/signals";
import { api, locked, type Entry } from "./api";

/** How many entries the page keeps. */
const KEPT = 10_000;
const PAUSE = 100; // milliseconds between two times that changes are shown
const AGAIN = 1000; // milliseconds between two readings of the whole journal

export const live = signal(false);
/** Counts up whenever `entries` has changed. */
export const version = signal(0);

const byId = new Map<number, Entry>();
let arrived: Entry[] = [];
let scheduled = false;
let source: EventSource | null = null;

/** All entries, newest first. */
export function entries(): Entry[] {
  return Array.from(byId.values()).reverse();
}

/** The entries that have come since the one of an id, oldest first. */
export function since(id: number): Entry[] {
  return Array.from(byId.values()).filter((entry) => entry.id > id);
}

export function newest(): number {
  let id = 0;
  for (const key of byId.keys()) if (key > id) id = key;
  return id;
}

/** Reads the journal, and follows it from there. */
export async function follow(): Promise<void> {
  source?.close();
  const read = await api<{ version: number; entries: Entry[] }>("GET", `journal?brief=true&limit=${KEPT}`);
  byId.clear();
  arrived = read.entries;
  show();
  source = new EventSource(`/-/journal/live?brief=true&since=${read.version}`);
  source.onopen = () => {
    // After a break it may be another run of the server, whose journal begins anew.
    if (broken) void catchUp();
    broken = false;
    live.value = true;
  };
  source.onerror = () => {
    live.value = false;
    broken = true;
    // A browser tries again by itself, unless the answer was no stream.
    if (source?.readyState === EventSource.CLOSED) followLater();
  };
  source.addEventListener("entry", ({ data }) => {
    const entry: Entry = JSON.parse(data);
    arrived.push(entry);
    meanwhile.push(entry);
    schedule();
  });
  source.addEventListener("missed", () => void catchUp());
  source.addEventListener("cleared", () => {
    byId.clear();
    arrived = [];
    meanwhile = [];
    outdated = true;
    schedule();
  });
}

/** Tries until it goes well; while a token is needed, the server is not asked. */
function followLater(): void {
  setTimeout(() => (locked.value === null ? follow().catch(followLater) : followLater()), AGAIN);
}

let broken = false;
let catching = false;
/** What has come since the journal was last asked for: it may not be in the answer. */
let meanwhile: Entry[] = [];
/** Whether it is to be asked for again: something was missed or cleared since. */
let outdated = false;

/** Too much came at once to be told one by one: reads what is there now, but not all the time. */
async function catchUp(): Promise<void> {
  outdated = true;
  if (catching) return;
  catching = true;
  while (outdated) {
    await new Promise((later) => setTimeout(later, AGAIN));
    if (locked.value !== null) continue;
    outdated = false;
    meanwhile = [];
    const read = await api<{ entries: Entry[] }>("GET", `journal?brief=true&limit=${KEPT}`).catch(() => null);
    if (!read) {
      outdated = true;
      continue;
    }
    byId.clear();
    arrived = [...read.entries, ...meanwhile];
    schedule();
  }
  catching = false;
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    show();
  }, PAUSE);
}

function show(): void {
  for (const entry of arrived) byId.set(entry.id, entry);
  arrived = [];
  for (const id of byId.keys()) {
    if (byId.size <= KEPT) break;
    byId.delete(id);
  }
  version.value += 1;
}
