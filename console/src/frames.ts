/** What the frames of an answer say: of both APIs, as JSON, as a stream and over a WebSocket. */

export type Meaning = "text" | "thinking" | "refusal" | "call" | "finish" | "error" | "comment" | "other";

/** What one frame says. A `chunk` is what the journal's plan has a time for. */
export interface Decoded {
  meaning: Meaning;
  /** In a few words: the piece of text, the event's type. */
  text: string;
  chunk: boolean;
}

export interface Call {
  name: string;
  arguments: string;
}

/** What an answer says as a whole, in the words of a script's `expect`. */
export interface Said {
  text: string | null;
  thinking: string | null;
  refusal: string | null;
  calls: Call[];
  finish: string | null;
  error: { code?: string; message?: string } | null;
  chunks: number;
}

type Json = any; // eslint-disable-line -- what an API sends is looked at with care, not declared

export function parsed(raw: string): Json | undefined {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

export function decode(raw: string): Decoded {
  if (raw.startsWith(":")) return { meaning: "comment", text: raw.slice(1).trim(), chunk: false };
  if (raw === "[DONE]") return other("[DONE]");
  const value = parsed(raw);
  if (value === null || typeof value !== "object") return other(raw);
  if (typeof value.type === "string") return event(value);
  if (value.error) return { meaning: "error", text: value.error.message ?? "error", chunk: false };
  if (value.object === "chat.completion.chunk") return delta(value);
  if (value.object === "chat.completion") return other("completion");
  return other(value.object ?? "object");
}

function other(text: string): Decoded {
  return { meaning: "other", text, chunk: false };
}

function delta(value: Json): Decoded {
  const choice = value.choices?.[0];
  const said = choice?.delta ?? {};
  const call = said.tool_calls?.[0]?.function ?? said.function_call;
  if (said.content) return { meaning: "text", text: said.content, chunk: true };
  if (said.reasoning_content) return { meaning: "thinking", text: said.reasoning_content, chunk: true };
  if (said.refusal) return { meaning: "refusal", text: said.refusal, chunk: true };
  if (call) {
    const text = `${call.name ? `${call.name} ` : ""}${call.arguments ?? ""}`;
    return { meaning: "call", text, chunk: Boolean(call.arguments) };
  }
  if (choice?.finish_reason) return { meaning: "finish", text: choice.finish_reason, chunk: false };
  if (value.usage) return other(`usage ${value.usage.prompt_tokens} + ${value.usage.completion_tokens}`);
  return other(said.role ? `role ${said.role}` : "empty delta");
}

const DELTAS: Record<string, Meaning> = {
  "response.output_text.delta": "text",
  "response.reasoning_text.delta": "thinking",
  "response.reasoning_summary_text.delta": "thinking",
  "response.refusal.delta": "refusal",
  "response.function_call_arguments.delta": "call",
};
const LAST = new Set(["response.completed", "response.incomplete"]);

function event(value: Json): Decoded {
  const meaning = DELTAS[value.type];
  if (meaning) return { meaning, text: String(value.delta ?? ""), chunk: Boolean(value.delta) };
  if (value.type === "error" || value.type === "response.failed") {
    const error = value.response?.error ?? value.error ?? value;
    return { meaning: "error", text: error.message ?? value.type, chunk: false };
  }
  return { meaning: LAST.has(value.type) ? "finish" : "other", text: value.type, chunk: false };
}

/** What the frames of one answer say together. */
export function said(raws: readonly string[]): Said {
  const whole: Said = { text: null, thinking: null, refusal: null, calls: [], finish: null, error: null, chunks: 0 };
  for (const raw of raws) {
    const { meaning, text, chunk } = decode(raw);
    if (chunk) whole.chunks += 1;
    const value = parsed(raw);
    if (meaning === "text" || meaning === "thinking" || meaning === "refusal") {
      whole[meaning] = (whole[meaning] ?? "") + text;
    } else if (meaning === "error") {
      whole.error = value.response?.error ?? value.error ?? value;
    } else if (value?.object === "chat.completion.chunk") {
      addCalls(whole, value.choices?.[0]?.delta?.tool_calls);
      whole.finish = value.choices?.[0]?.finish_reason ?? whole.finish;
    } else if (value?.object === "chat.completion") {
      addMessage(whole, value.choices?.[0]);
    } else if (value?.type === "response.output_item.added" && value.item?.type === "function_call") {
      whole.calls.push({ name: value.item.name, arguments: "" });
    } else if (meaning === "call") {
      const call = whole.calls.at(-1);
      if (call) call.arguments += text;
    } else if (LAST.has(value?.type)) {
      whole.finish = finishOf(value.response);
    } else if (value?.object === "response") {
      addResponse(whole, value);
    }
  }
  return whole;
}

function addCalls(whole: Said, deltas: Json[] | undefined): void {
  for (const each of deltas ?? []) {
    const call = each.function ?? {};
    if (call.name || whole.calls.length === 0)
      whole.calls.push({ name: call.name ?? "", arguments: call.arguments ?? "" });
    else whole.calls.at(-1)!.arguments += call.arguments ?? "";
  }
}

function addMessage(whole: Said, choice: Json): void {
  const message = choice?.message ?? {};
  whole.text = message.content ?? null;
  whole.thinking = message.reasoning_content ?? null;
  whole.refusal = message.refusal ?? null;
  whole.calls = (message.tool_calls ?? []).map((call: Json) => ({ ...call.function }));
  whole.finish = choice?.finish_reason ?? null;
}

function addResponse(whole: Said, response: Json): void {
  for (const item of response.output ?? []) {
    if (item.type === "function_call") whole.calls.push({ name: item.name, arguments: item.arguments });
    for (const part of item.content ?? []) {
      if (part.type === "output_text") whole.text = (whole.text ?? "") + part.text;
      if (part.type === "refusal") whole.refusal = (whole.refusal ?? "") + part.refusal;
      if (part.type === "reasoning_text") whole.thinking = (whole.thinking ?? "") + part.text;
    }
  }
  whole.error = response.error ?? null;
  whole.finish = finishOf(response);
}

/** Why a response finished, in the words of Chat Completions, which are those of scripts. */
function finishOf(response: Json): string | null {
  if (response?.status === "incomplete") {
    return response.incomplete_details?.reason === "max_output_tokens" ? "length" : "content_filter";
  }
  if (response?.status !== "completed") return null;
  return response.output?.some((item: Json) => item.type === "function_call") ? "tool_calls" : "stop";
}
