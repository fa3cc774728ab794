/** An exchange as a `test` block: what was asked, and what came. JSON is written as it is in scripts, too. */
import type { Exchange, Turn } from "./exchange";
import { decode, parsed, said, type Said } from "./frames";

export interface Outcome {
  rule: string | null;
  status: number | null;
  outcome: string | null;
}

/** `outcomes` are what the journal says of each turn, as far as it is known. */
export function testBlock(exchange: Exchange, outcomes: (Outcome | undefined)[], name: string): string {
  const { endpoint, wire, path, session, key } = exchange.question;
  const lines: string[] = [];
  if (wire === "websocket") {
    // The path that the mock sees: without the mock's name.
    const own = path.slice(exchange.question.base.length - "/v1".length);
    lines.push(`connect ${quoted(endpoint === "socket" ? own : `/v1/${endpoint}`)}`);
  }
  exchange.turns.forEach((turn, index) => {
    const body = parsed(turn.request);
    if (wire === "websocket") {
      if (turn.request) lines.push(`send ${turn.request}`);
    } else {
      const headers = key ? { authorization: `Bearer ${key}` } : undefined;
      const asked = { ...shortened(body), ...(headers && { header: headers }), ...(session && { session }) };
      lines.push(`request ${JSON.stringify(endpoint === "responses" ? { endpoint, ...asked } : asked)}`);
    }
    lines.push(`expect ${expected(exchange, turn, outcomes[index]).join(" and ")}`);
  });
  return `test ${quoted(name)} {\n${lines.map((line) => `    ${line}\n`).join("")}}\n`;
}

function expected(exchange: Exchange, turn: Turn, outcome: Outcome | undefined): string[] {
  const whole: Said = said(turn.frames.map((frame) => frame.data));
  const wire = exchange.question.wire;
  const status = wire === "websocket" ? outcome?.status : exchange.status;
  if (wire === "websocket" && !turn.request) return [`event is ${quoted(decode(turn.frames.at(-1)!.data).text)}`];
  const told = [`status is ${status ?? 200}`];
  if (outcome?.rule) told.push(`rule is ${quoted(outcome.rule)}`);
  for (const field of ["text", "thinking", "refusal"] as const) {
    if (whole[field] !== null) told.push(`${field} is ${quoted(whole[field])}`);
  }
  whole.calls.forEach((call, index) => {
    const value = parsed(call.arguments);
    told.push(`calls[${index}] is ${value === undefined ? quoted(call.arguments) : JSON.stringify(value)}`);
  });
  if (whole.error?.code) told.push(`error.code is ${quoted(whole.error.code)}`);
  else if (whole.finish) told.push(`finish is ${whole.finish}`);
  if (outcome?.outcome === "cut" || outcome?.outcome === "reset") told.push(`ending is ${outcome.outcome}`);
  if (turn === exchange.turn && exchange.closed !== null) told.push(`closed is ${exchange.closed}`);
  if (wire === "sse" && whole.chunks > 0) told.push(`chunks is ${whole.chunks}`);
  return told;
}

/** A body in the short form of requests, where it says no more than that. */
function shortened(body: any): Record<string, unknown> {
  const { messages, ...rest } = body ?? {};
  if (!Array.isArray(messages) || messages.length > 2) return body;
  const plain = messages.every((each) => typeof each?.content === "string" && Object.keys(each).length === 2);
  const roles = messages.map((each) => each?.role).join(" ");
  if (!plain || (roles !== "user" && roles !== "system user")) return body;
  return { ...Object.fromEntries(messages.map((each) => [each.role, each.content])), ...rest };
}

/** As a condition's text: never a template, and escapes are those of JSON. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
