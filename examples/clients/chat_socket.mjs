// Talks to a mock over `WS /v1/chat`, with the WebSocket that browsers and Node from version 22 on have:
//   node chat_socket.mjs ws://127.0.0.1:8000/v1/chat
// With the `ws` package the same works once `import WebSocket from "ws"` is added; it can also send the header
// that a browser cannot: new WebSocket(url, { headers: { Authorization: "Bearer sk-example" } }).

const url = process.argv[2] ?? "ws://127.0.0.1:8000/v1/chat";

// The frames of the socket, one after the other.
async function* frames(socket) {
  const waiting = [];
  let wake = () => {};
  socket.onmessage = (event) => { waiting.push(event.data); wake(); };
  socket.onclose = (event) => { waiting.push(event); wake(); };
  for (;;) {
    while (waiting.length === 0) await new Promise((resolve) => { wake = resolve; });
    const frame = waiting.shift();
    if (typeof frame !== "string") throw new Error(`closed with ${frame.code} ${frame.reason}`);
    yield frame;
  }
}

// Sends one request, and prints its answer as it comes.
async function ask(socket, incoming, request) {
  socket.send(JSON.stringify(request));
  process.stdout.write("Mock: ");
  for (;;) {
    const frame = (await incoming.next()).value;
    if (frame === "[DONE]") break;
    const chunk = JSON.parse(frame);
    if (chunk.error) throw new Error(chunk.error.message);
    for (const choice of chunk.choices) process.stdout.write(choice.delta.content ?? "");
  }
  process.stdout.write("\n");
}

const socket = new WebSocket(url);
const incoming = frames(socket);
await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });

// The first frame is a whole request; the ones after it only say what is new.
console.log("You: Hi");
await ask(socket, incoming, { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hi" }] });
console.log("You: fast");
await ask(socket, incoming, { role: "user", content: "fast" });
socket.close(1000);
