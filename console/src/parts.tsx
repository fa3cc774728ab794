/** Small parts that the views share. */
import { useSignal, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/** A button that copies a text, and says so. */
export function Copy({ text, label = "Copy", title }: { text: () => string; label?: string; title?: string }) {
  const told = useSignal<string | null>(null);
  const copy = async () => {
    told.value = (await toClipboard(text())) ? "Copied" : "Select and copy by hand";
    setTimeout(() => (told.value = null), 1500);
  };
  return (
    <button type="button" class="small" title={title} onClick={copy}>
      <span aria-live="polite">{told.value ?? label}</span>
    </button>
  );
}

async function toClipboard(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  // There is no clipboard API over plain HTTP from another machine.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** A text with its title, to read and to copy. */
export function Passage({ title, text, copied = text }: { title: string; text: string; copied?: string }) {
  return (
    <div class="section">
      <div class="bar">
        <h2>{title}</h2>
        <span class="grow" />
        <Copy text={() => copied} />
      </div>
      <pre class="body-text" tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}

/** Words that a list is searched for; `/` goes to it. */
export function Filter({ words, placeholder }: { words: Signal<string>; placeholder: string }) {
  return (
    <label class="grow">
      <span class="hidden">Filter</span>
      <input
        type="search"
        placeholder={placeholder}
        value={words.value}
        data-filter
        onInput={(event) => (words.value = event.currentTarget.value)}
      />
    </label>
  );
}

/** A button for what cannot be undone: it asks once more. */
export function Sure(props: { label: ComponentChildren; confirm: string; class?: string; onSure: () => void }) {
  const asked = useSignal(false);
  const first = useRef<HTMLButtonElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  const began = useRef(false);
  useEffect(() => {
    if (began.current) (asked.value ? keep : first).current?.focus();
    began.current = true;
  }, [asked.value]);
  if (!asked.value) {
    return (
      <button type="button" class={props.class} ref={first} onClick={() => (asked.value = true)}>
        {props.label}
      </button>
    );
  }
  const sure = () => {
    asked.value = false;
    props.onSure();
  };
  return (
    <span role="group" class="bar" aria-label={`${props.confirm}?`}>
      <button type="button" class="small danger" onClick={sure}>
        {props.confirm}
      </button>
      <button type="button" class="small" ref={keep} onClick={() => (asked.value = false)}>
        Keep
      </button>
    </span>
  );
}

/** One of a few things, as a row of buttons. */
export function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  return (
    <div class="choice" role="radiogroup" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <label key={value}>
          <input
            type="radio"
            name={props.label}
            checked={value === props.value}
            onChange={() => props.onChange(value)}
          />
          <span>{text}</span>
        </label>
      ))}
    </div>
  );
}

/**
 * A list of which only the rows in sight are in the page. All rows are of one height, in pixels. Whoever has scrolled
 * away from the top stays where they are when rows come above.
 */
export function Windowed<T>(props: {
  items: readonly T[];
  keyOf: (item: T, index: number) => number;
  row: (item: T, index: number) => ComponentChildren;
  height: number;
  label: string;
  /** The index of the row to keep in sight, or -1. */
  selected: number;
  /** The index of the row by a step up or down, or to an end. */
  onSelect: (index: number) => void;
}) {
  const { items, height, keyOf } = props;
  const place = useRef<HTMLDivElement>(null);
  const anchor = useRef<number | null>(null);
  const sight = useSignal({ top: 0, height: 800 });
  const look = () => {
    if (!place.current) return;
    const { scrollTop, clientHeight } = place.current;
    sight.value = { top: scrollTop, height: clientHeight };
    const index = Math.floor(scrollTop / height);
    anchor.current = index > 0 && items[index] !== undefined ? keyOf(items[index], index) : null;
  };
  useEffect(() => {
    const observer = new ResizeObserver(look);
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const { current } = place;
    if (!current || anchor.current === null) return;
    const before = Math.floor(current.scrollTop / height);
    const now = items.findIndex((item, index) => keyOf(item, index) === anchor.current);
    if (now >= 0 && now !== before) current.scrollTop += (now - before) * height;
  }, [items]);
  useLayoutEffect(() => {
    const { current } = place;
    const top = props.selected * height;
    if (!current || props.selected < 0) return;
    if (top < current.scrollTop) current.scrollTop = top;
    else if (top + height > current.scrollTop + current.clientHeight) {
      current.scrollTop = top + height - current.clientHeight;
    }
  }, [props.selected >= 0 ? keyOf(items[props.selected]!, props.selected) : -1]);
  const onKey = (event: KeyboardEvent) => {
    const page = Math.floor(sight.value.height / height);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -items.length,
      End: items.length,
    };
    const step = steps[event.key];
    if (step === undefined || items.length === 0) return;
    event.preventDefault();
    props.onSelect(Math.min(Math.max(props.selected + step, 0), items.length - 1));
  };
  const first = Math.max(0, Math.floor(sight.value.top / height) - 5);
  const last = Math.min(items.length, Math.ceil((sight.value.top + sight.value.height) / height) + 5);
  const shown = props.selected >= first && props.selected < last;
  return (
    <div
      class="windowed"
      ref={place}
      onScroll={look}
      onKeyDown={onKey}
      role="listbox"
      aria-label={props.label}
      aria-activedescendant={shown ? `${props.label}-${keyOf(items[props.selected]!, props.selected)}` : undefined}
      tabIndex={0}
    >
      <div style={{ height: `${items.length * height}px` }}>
        <div style={{ transform: `translateY(${first * height}px)` }}>
          {items.slice(first, last).map((item, offset) => {
            const index = first + offset;
            const key = keyOf(item, index);
            return (
              <div
                key={key}
                id={`${props.label}-${key}`}
                role="option"
                aria-selected={index === props.selected}
                onClick={() => props.onSelect(index)}
              >
                {props.row(item, index)}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** A time for people: `0.4 ms`, `350 ms`, `12.5 s`. */
export function time(milliseconds: number): string {
  if (milliseconds >= 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (milliseconds === 0) return "0 ms";
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

/** Where a rule stands, without the folders: `hello.llmock:3`. */
export function shortPlace(place: string): string {
  return place.slice(place.lastIndexOf("/") + 1);
}

export function shownJson(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
