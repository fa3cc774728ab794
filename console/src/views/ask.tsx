/** The request that is tried, as a form or as raw JSON. */
import { json } from "@codemirror/lang-json";
import { keymap } from "@codemirror/view";
import { useMemo, useRef } from "preact/hooks";
import { type Mock } from "../api";
import { changesOf, Editor, writing } from "../editor";
import { type Endpoint } from "../exchange";
import { Choice } from "../parts";
import { body, composed, endpoint, exchange, key, model, path, raw, send, session, system, user, wire } from "../trial";

const WIRES = [
  ["json", "JSON"],
  ["sse", "Stream"],
  ["websocket", "WebSocket"],
] as const;

export function Ask({ mock: of }: { mock: Mock }) {
  const socket = endpoint.value === "socket" || wire.value === "websocket";
  exchange.value?.version.value;
  const open = socket && exchange.value?.open;
  const endpoints: (readonly [Endpoint, string])[] = [
    ["chat", "Chat"],
    ["responses", "Responses"],
  ];
  if (of.sockets.length) endpoints.push(["socket", "Socket"]);
  const submit = (event: Event) => {
    event.preventDefault();
    void send(of);
  };
  const onKey = (event: KeyboardEvent) => {
    // The editor of raw bodies has its own key for it.
    const taken = event.defaultPrevented;
    if (!taken && event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  return (
    <form onSubmit={submit} onKeyDown={onKey}>
      <div class="bar section">
        <Choice label="Endpoint" value={endpoint.value} options={endpoints} onChange={(to) => (endpoint.value = to)} />
        {endpoint.value !== "socket" && (
          <Choice label="Transport" value={wire.value} options={WIRES} onChange={(to) => (wire.value = to)} />
        )}
      </div>
      <div class="section stack">
        <Choice
          label="Request as"
          value={raw.value ? "raw" : "form"}
          options={[
            ["form", "Form"],
            ["raw", "Raw JSON"],
          ]}
          onChange={(to) => {
            if (to === "raw") body.value = composed.value;
            raw.value = to === "raw";
          }}
        />
        {raw.value ? <RawBody onSend={() => void send(of)} /> : <Form mock={of} />}
        <div class="fields">
          {endpoint.value === "socket" && (
            <Field label="Path of the socket" value={path} placeholder={of.sockets[0] ?? ""} list={of.sockets} />
          )}
          {!socket && <Field label="Session" value={session} placeholder="the key's own" />}
          {!socket && <Field label="API key" value={key} placeholder="none" />}
        </div>
        <div class="bar">
          <button class="primary">
            {open ? "Send frame" : socket ? "Connect and send" : "Send"}
            <kbd>Ctrl+Enter</kbd>
          </button>
          <Stop />
        </div>
      </div>
    </form>
  );
}

function Stop() {
  const running = exchange.value;
  running?.version.value;
  if (!running || running.ending !== null) return null;
  return (
    <button type="button" onClick={() => running.stop()}>
      {running.question.wire === "websocket" ? "Close socket" : "Stop reading"}
    </button>
  );
}

function Form({ mock: of }: { mock: Mock }) {
  return (
    <>
      {endpoint.value !== "socket" && (
        <div class="fields">
          <Field label="Model" value={model} placeholder={of.models[0] ?? ""} list={of.models} />
          <Field label="System" value={system} placeholder="none" />
        </div>
      )}
      <label class="field">
        {endpoint.value === "socket" ? "Text of the message" : "User"}
        <textarea value={user.value} data-filter onInput={(event) => (user.value = event.currentTarget.value)} />
      </label>
    </>
  );
}

function Field(props: { label: string; value: typeof model; placeholder: string; list?: string[] }) {
  const { label, value, list } = props;
  const id = `list-${label}`;
  return (
    <label class="field">
      {label}
      <input
        value={value.value}
        placeholder={props.placeholder}
        list={list && id}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => (value.value = event.currentTarget.value)}
      />
      {list && (
        <datalist id={id}>
          {list.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </label>
  );
}

function RawBody({ onSend }: { onSend: () => void }) {
  const latest = useRef(onSend);
  latest.current = onSend;
  const extensions = useMemo(
    () => [
      keymap.of([{ key: "Mod-Enter", run: () => (latest.current(), true) }]),
      writing,
      json(),
      changesOf((text) => (body.value = text)),
    ],
    [],
  );
  return (
    <div class="json-editor">
      <Editor label="Body of the request" text={body.value} extensions={extensions} />
    </div>
  );
}
