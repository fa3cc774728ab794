/** How a mock is asked: ready to paste. Texts go in by JSON, whose escapes all of these languages know. */

const CHAT = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] };

export const SNIPPETS: Record<string, (base: string) => string> = {
  curl: (base) => `curl ${base}/chat/completions \\
  -H 'content-type: application/json' -H 'authorization: Bearer test' \\
  -d '${JSON.stringify(CHAT)}'
`,
  Python: (base) => `from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(base)}, api_key="test")
answer = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}]
)
print(answer.choices[0].message.content)
`,
  JavaScript: (base) => `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${JSON.stringify(base)}, apiKey: "test" });
const answer = await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0].message.content);
`,
  Environment: (base) => `export OPENAI_BASE_URL=${base}
export OPENAI_API_KEY=test
`,
};
