// What OpenAI's SDK for Node makes of each fault: what it returns, in quotes, or what it throws.
//
//     node faults.mjs http://127.0.0.1:8000 '[["connection", "cut-amid", "node chat"], …]'
//
// Prints a JSON list, one text for each that was asked.

import OpenAI from "openai";

const [root, asked] = [process.argv[2], JSON.parse(process.argv[3])];
const model = "gpt-4o";
const timeout = 5000;
const longest = 30;

const quoted = (text) => JSON.stringify(text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
const messages = (content) => [{ role: "user", content }];
const calls = (message) => (message.tool_calls ?? []).map((call) => `${call.function.name} ${call.function.arguments}`);

const asking = {
  "node chat": async (client, user, heard) => {
    const made = await client.chat.completions.create({ model, messages: messages(user) });
    if (typeof made === "string") return heard.say(made), heard.more.push("a string");
    heard.say(made.choices[0].message.content);
    heard.more.push(...calls(made.choices[0].message));
  },
  "node chat stream": async (client, user, heard) => {
    let finished = false;
    for await (const chunk of await client.chat.completions.create({ model, messages: messages(user), stream: true })) {
      for (const choice of chunk.choices ?? []) {
        heard.say(choice.delta.content);
        finished ||= choice.finish_reason != null;
      }
    }
    if (!finished) heard.more.push("no finish");
  },
  "node chat helper": async (client, user, heard) => {
    const stream = client.chat.completions.stream({ model, messages: messages(user) });
    const message = (await stream.finalChatCompletion()).choices[0].message;
    heard.say(message.content);
    heard.more.push(...calls(message));
  },
  "node responses": async (client, user, heard) => {
    const made = await client.responses.create({ model, input: user });
    if (typeof made === "string") return heard.say(made), heard.more.push("a string");
    heard.say(made.output_text);
    if (made.status !== "completed") heard.more.push(String(made.status));
  },
  "node responses stream": async (client, user, heard) => {
    let completed = false;
    for await (const event of await client.responses.create({ model, input: user, stream: true })) {
      if (event.type === "response.output_text.delta") heard.say(event.delta);
      if (["error", "response.failed", "response.incomplete"].includes(event.type)) {
        heard.more.push(`a \`${event.type}\` event`);
        completed = true;
      }
      completed ||= event.type === "response.completed";
    }
    if (!completed) heard.more.push("no terminal");
  },
};

class Heard {
  text = null;
  more = [];
  say(text) {
    if (text != null) this.text = (this.text ?? "") + text;
  }
  told() {
    return [...(this.text === null ? [] : [quoted(this.text)]), ...this.more].join(", ") || "nothing";
  }
}

async function outcome([file, name, column], number) {
  const client = new OpenAI({ baseURL: `${root}/${file}/v1`, apiKey: `node-${number}`, maxRetries: 0, timeout });
  const heard = new Heard();
  // The SDK's timeout ends with the head of an answer: a stream may then be silent for ever.
  const patience = new Promise((resolve) => setTimeout(resolve, timeout + 500, "silence"));
  const asked = asking[column](client, name, heard).then(() => "", (error) => error.constructor.name);
  const end = await Promise.race([asked, patience]);
  if (end) heard.more.push(end);
  return heard.told();
}

process.on("unhandledRejection", () => {});
console.log(JSON.stringify(await Promise.all(asked.map(outcome))));
process.exit(0);
