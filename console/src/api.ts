/** The control API: the types of its contract (`/-/docs` tells what they mean), and one way to ask. */
import { signal } from "@preact/signals";

export interface Span {
  file: string;
  here: boolean;
  line: number;
  column: number;
  end_line: number;
  from: number;
  to: number;
}

export interface Diagnostic {
  code: string;
  severity: "error" | "warning";
  message: string;
  primary: Span & { text: string };
  secondary: (Span & { text: string }) | null;
  help: string | null;
}

export interface MockSummary {
  id: string;
  name: string;
  base_urls: { path: string; subdomain: string | null };
  path: string | null;
  stored: boolean;
  revision: string;
  seed: number;
  rule_count: number;
  warning_count: number;
}

export interface Rule {
  name: string | null;
  place: string;
  head: string;
  span: Span;
}

export interface Mock extends MockSummary {
  script: string;
  models: string[];
  warnings: Diagnostic[];
  rules: Rule[];
  scenarios: { name: string; by: string | null; states: string[] }[];
  sockets: string[];
  tests: { name: string; span: Span }[];
}

export interface Entry {
  fails: boolean;
  id: number;
  mock: string;
  method: string;
  path: string;
  time: string;
  endpoint: string | null;
  transport: "json" | "sse" | "websocket" | null;
  model: string | null;
  session: string | null;
  ordinal?: number | null;
  seed?: string | null;
  rule: string | null;
  place: string | null;
  status: number | null;
  error: string | null;
  note?: string | null;
  planned: number | null;
  plan?: number[] | null;
  took: number | null;
  sent: number;
  events: number;
  outcome: string | null;
  miss: boolean;
  headers?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
}

export interface Verdict {
  rule: string | null;
  place: string;
  answers: boolean;
  matches: boolean;
  failed: { condition: string; line: number; values: { field: string; value: unknown }[] } | null;
  captures: Record<string, string>;
  nth: number | null;
}

export interface Trace {
  matched: boolean;
  reason: string | null;
  skeleton: string | null;
  notes?: string[];
  rules: Verdict[];
}

export interface Performance {
  status: number;
  duration: number;
  frames: { at: number; data: string; encoding: "utf-8" | "base64" }[];
  ending: { at: number; kind: string } | null;
}

export interface Session {
  name: string;
  answers: number;
  counters: Record<string, number>;
  memory: Record<string, unknown>;
  scenarios: {
    name: string;
    by: string | null;
    state: string;
    counters?: Record<string, number>;
    memory?: Record<string, unknown>;
  }[];
}

export interface TestRun {
  passed: number;
  failed: number;
  tests: {
    name: string;
    passed: boolean;
    span: Span;
    failure: { message: string; label: string; notes: string[]; span: Span } | null;
  }[];
}

export interface Word {
  name: string;
  shape: string;
  example: string;
  help: string;
}

export interface Catalogue {
  keywords: string[];
  declarations: Word[];
  statements: Word[];
  fields: { name: string; type: string; help: string; words: string[] }[];
  outcome_fields?: { name: string; type: string; help: string }[];
  operators: string[];
  helpers: { name: string; help: string }[];
}

/** A request that the server has refused. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null,
    readonly diagnostics: Diagnostic[],
  ) {
    super(message);
  }
}

/** Why the server lets us in no further without a token; null if it does. */
export const locked = signal<string | null>(null);

/**
 * Asks the control API.
 *
 * @throws Refused if the server says no, and TypeError if it cannot be reached
 */
export async function api<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const sent: RequestInit = { method, headers };
  if (body !== undefined) {
    sent.headers = { "content-type": "application/json", ...headers };
    sent.body = JSON.stringify(body);
  }
  const response = await fetch(`/-/${path}`, sent);
  const text = await response.text();
  if (response.ok) return (text ? JSON.parse(text) : undefined) as T;
  const refused = refusal(response.status, text);
  if (refused.status === 401 && path !== "login") locked.value = refused.message;
  throw refused;
}

function refusal(status: number, text: string): Refused {
  try {
    const { message, code, diagnostics } = JSON.parse(text).error;
    return new Refused(status, message, code ?? null, diagnostics ?? []);
  } catch {
    return new Refused(status, text || `The server answered ${status}.`, null, []);
  }
}

export const mockPath = (id: string) => `mocks/${encodeURIComponent(id)}`;
