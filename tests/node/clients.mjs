// The official SDK for Node and Vercel's AI SDK against a mock that serves script.llmock.
//
//     node clients.mjs http://127.0.0.1:8000/v1
//
// Prints one line a check, and how many passed; the exit status is 1 if any failed.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once as happened } from "node:events";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const run = promisify(execFile);
const examples = new URL("../../examples/clients/", import.meta.url);
const document = new URL("../../docs/websocket-chat.md", import.meta.url);

const baseURL = process.argv[2];
const only = process.argv[3] ?? "";
const client = new OpenAI({ baseURL, apiKey: "node" });
const once = new OpenAI({ baseURL, apiKey: "node", maxRetries: 0 });
const vercel = createOpenAI({ baseURL, apiKey: "node" });

const socketURL = baseURL.replace("http", "ws");

const model = "gpt-4o";
const user = (content) => [{ role: "user", content }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const chatTools = [{ type: "function", function: { name: "get_weather", parameters } }];
const tools = [{ type: "function", name: "get_weather", parameters, strict: true }];
const Person = z.object({ name: z.string(), born: z.number() });

async function collect(stream, text) {
  let said = "";
  for await (const event of stream) said += text(event) ?? "";
  return said;
}

async function rejected(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
}

const ofChunk = (chunk) => chunk.choices[0]?.delta.content;
const ofEvent = (event) => (event.type === "response.output_text.delta" ? event.delta : "");

const checks = {
  "openai chat: text": async () => {
    const { choices, usage, _request_id } = await client.chat.completions.create({ model, messages: user("hello") });
    assert.equal(choices[0].message.content, "Hello, gpt-4o!");
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.match(_request_id, /^req_[0-9a-f]{32}$/);
  },
  "openai chat: stream": async () => {
    const stream = await client.chat.completions.create({ model, messages: user("hello"), stream: true });
    assert.equal(await collect(stream, ofChunk), "Hello, gpt-4o!");
  },
  "openai chat: stream helper": async () => {
    const stream = client.chat.completions.stream({ model, messages: user("weather"), tools: chatTools });
    const { choices } = await stream.finalChatCompletion();
    assert.equal(choices[0].finish_reason, "tool_calls");
    assert.deepEqual(JSON.parse(choices[0].message.tool_calls[0].function.arguments), { city: "Paris" });
  },
  "openai chat: runTools": async () => {
    const get_weather = { type: "function", function: { name: "get_weather", parameters, parse: JSON.parse, function: () => ({ temp: 7 }) } };
    const runner = client.chat.completions.runTools({ model, messages: user("weather"), tools: [get_weather] });
    assert.equal(await runner.finalContent(), "It is 7 °C.");
  },
  "openai chat: parse": async () => {
    const response_format = zodResponseFormat(Person, "person");
    const { choices } = await client.chat.completions.parse({ model, messages: user("person"), response_format });
    assert.deepEqual(choices[0].message.parsed, { name: "Ada Lovelace", born: 1815 });
  },
  "openai chat: refusal": async () => {
    const { choices } = await client.chat.completions.create({ model, messages: user("refuse") });
    assert.equal(choices[0].message.refusal, "I can't help with that.");
  },
  "openai chat: error": async () => {
    const error = await rejected(once.chat.completions.create({ model, messages: user("limited") }));
    assert(error instanceof OpenAI.RateLimitError);
    assert.equal(error.code, "rate_limit_exceeded");
  },
  "openai chat: retries": async () => {
    const { choices } = await client.chat.completions.create({ model, messages: user("flaky") });
    assert.equal(choices[0].message.content, "Third time lucky.");
  },
  "openai chat: cut": async () => {
    const stream = await once.chat.completions.create({ model, messages: user("cut short"), stream: true });
    const error = await rejected(collect(stream, ofChunk));
    assert.match(error.message, /terminated/);
  },
  "openai chat: clean cut": async () => {
    const stream = await once.chat.completions.create({ model, messages: user("stop short"), stream: true });
    assert.equal(await collect(stream, ofChunk), "One two");
    const error = await rejected(once.chat.completions.stream({ model, messages: user("stop short") }).done());
    assert.match(error.message, /missing finish_reason/);
  },
  "openai chat: error amid the stream": async () => {
    const stream = await once.chat.completions.create({ model, messages: user("late error"), stream: true });
    const error = await rejected(collect(stream, ofChunk));
    assert(error instanceof OpenAI.APIError);
    assert.equal(error.type, "server_error");
  },
  "openai models": async () => {
    assert.equal((await client.models.retrieve(model)).id, model);
    assert((await client.models.list()).data.length > 0);
  },

  "openai responses: text": async () => {
    const response = await client.responses.create({ model, input: "hello" });
    assert.equal(response.output_text, "Hello, gpt-4o!");
    assert.equal(response.status, "completed");
  },
  "openai responses: stream": async () => {
    const stream = await client.responses.create({ model, input: "hello", stream: true });
    assert.equal(await collect(stream, ofEvent), "Hello, gpt-4o!");
  },
  "openai responses: stream helper": async () => {
    const response = await client.responses.stream({ model, input: "weather", tools }).finalResponse();
    const call = response.output.find((item) => item.type === "function_call");
    assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
  },
  "openai responses: tool turn": async () => {
    const first = await client.responses.create({ model, input: "weather", tools });
    const { call_id } = first.output.find((item) => item.type === "function_call");
    const second = await client.responses.create({
      model,
      previous_response_id: first.id,
      input: [{ type: "function_call_output", call_id, output: '{"temp": 7}' }],
    });
    assert.equal(second.output_text, "It is 7 °C.");
  },
  "openai responses: parse": async () => {
    const text = { format: zodTextFormat(Person, "person") };
    const { output_parsed } = await client.responses.parse({ model, input: "person", text });
    assert.deepEqual(output_parsed, { name: "Ada Lovelace", born: 1815 });
  },
  "openai responses: incomplete": async () => {
    const response = await client.responses.create({ model, input: "too long" });
    assert.equal(response.incomplete_details.reason, "max_output_tokens");
  },
  "openai responses: retrieve and delete": async () => {
    const { id } = await client.responses.create({ model, input: "hello" });
    assert.equal((await client.responses.retrieve(id)).output_text, "Hello, gpt-4o!");
    await client.responses.delete(id);
    assert((await rejected(client.responses.retrieve(id))) instanceof OpenAI.NotFoundError);
  },
  "openai responses: error": async () => {
    const error = await rejected(once.responses.create({ model, input: "limited" }));
    assert(error instanceof OpenAI.RateLimitError);
  },

  "ws chat: a conversation": async () => {
    const socket = new WebSocket(`${socketURL}/chat`, { headers: { Authorization: "Bearer ws" } });
    await happened(socket, "open");
    socket.send(JSON.stringify({ model, messages: user("hello"), request_id: "r-1" }));
    assert.equal(await answer(socket), "Hello, gpt-4o!");
    socket.send(JSON.stringify({ role: "user", content: "limited" }));
    assert.equal((await frame(socket)).error.code, "rate_limit_exceeded");
    socket.send(JSON.stringify({ role: "user", content: "hello" }));
    assert.equal(await answer(socket), "Hello, gpt-4o!");
    socket.close(1000);
    assert.equal((await happened(socket, "close"))[0], 1000);
  },
  "ws chat: cut, and cut clean": async () => {
    for (const [content, code] of [["cut short", 1006], ["stop short", 1000]]) {
      const socket = new WebSocket(`${socketURL}/chat`);
      await happened(socket, "open");
      socket.send(JSON.stringify({ model, messages: user(content) }));
      assert.equal((await happened(socket, "close"))[0], code);
    }
  },
  "ws chat: the example, and the document's": async () => {
    const { stdout } = await run(process.execPath, [new URL("chat_socket.mjs", examples).pathname, `${socketURL}/chat`]);
    assert.match(stdout, /^You: Hi\nMock: .+\nYou: fast\nMock: .+\n$/);
    const [, source] = (await readFile(document, "utf8")).match(/^```js\n(.*?)^```/ms);
    const written = await run(process.execPath, ["-e", source.replace("ws://127.0.0.1:8000/v1/chat", `${socketURL}/chat`)]);
    assert.match(written.stdout, /\S/);
  },
  "ws responses: two turns": async () => {
    const socket = new WebSocket(`${socketURL}/responses`, { headers: { Authorization: "Bearer ws" } });
    await happened(socket, "open");
    socket.send(JSON.stringify({ type: "response.create", model, input: "weather", tools, store: false }));
    const { id, output } = await completed(socket);
    const { call_id } = output.find((item) => item.type === "function_call");
    const input = [{ type: "function_call_output", call_id, output: '{"temp": 7}' }];
    socket.send(JSON.stringify({ type: "response.create", model, input, previous_response_id: id, store: false }));
    assert.equal((await completed(socket)).output[0].content[0].text, "It is 7 °C.");
    socket.close();
  },

  "ai-sdk chat: generateText": async () => {
    const { text, finishReason } = await generateText({ model: vercel.chat(model), prompt: "hello" });
    assert.deepEqual([text, finishReason], ["Hello, gpt-4o!", "stop"]);
  },
  "ai-sdk chat: streamText": async () => {
    const { text } = streamText({ model: vercel.chat(model), prompt: "hello" });
    assert.equal(await text, "Hello, gpt-4o!");
  },
  "ai-sdk chat: tool loop": async () => assert.equal(await toolLoop(vercel.chat(model)), "It is 7 °C."),
  "ai-sdk chat: clean cut": async () => {
    const { text } = streamText({ model: vercel.chat(model), prompt: "stop short" });
    assert.equal(await text, "One two");
  },
  "ai-sdk responses: generateText": async () => {
    const { text, finishReason } = await generateText({ model: vercel(model), prompt: "hello" });
    assert.deepEqual([text, finishReason], ["Hello, gpt-4o!", "stop"]);
  },
  "ai-sdk responses: streamText": async () => {
    const { text } = streamText({ model: vercel(model), prompt: "hello" });
    assert.equal(await text, "Hello, gpt-4o!");
  },
  "ai-sdk responses: tool loop": async () => assert.equal(await toolLoop(vercel(model)), "It is 7 °C."),
  "ai-sdk responses: structured output": async () => {
    const { output } = await generateText({ model: vercel(model), prompt: "person", output: Output.object({ schema: Person }) });
    assert.deepEqual(output, { name: "Ada Lovelace", born: 1815 });
  },
};

async function toolLoop(languageModel) {
  const get_weather = tool({ inputSchema: jsonSchema(parameters), execute: async () => ({ temp: 7 }) });
  const { text } = streamText({ model: languageModel, prompt: "weather", tools: { get_weather }, stopWhen: stepCountIs(3) });
  return text;
}

async function frame(socket) {
  const [data] = await happened(socket, "message");
  return data.toString() === "[DONE]" ? null : JSON.parse(data);
}

// The text of one streamed answer. Frames that come in one read come as one turn's events, so all are listened to.
function answer(socket) {
  return new Promise((resolve) => {
    let said = "";
    socket.on("message", function listen(data) {
      if (data.toString() !== "[DONE]") {
        said += JSON.parse(data).choices[0].delta.content ?? "";
        return;
      }
      socket.off("message", listen);
      resolve(said);
    });
  });
}

function completed(socket) {
  return new Promise((resolve) => {
    socket.on("message", function listen(data) {
      const event = JSON.parse(data);
      if (event.type !== "response.completed") return;
      socket.off("message", listen);
      resolve(event.response);
    });
  });
}

let [passed, failed] = [0, 0];
for (const [name, check] of Object.entries(checks)) {
  if (!name.includes(only)) continue;
  try {
    await check();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n      ${String(error.stack ?? error).split("\n").slice(0, 6).join("\n      ")}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
