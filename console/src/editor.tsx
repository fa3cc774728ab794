/** CodeMirror as a component: its text is its own, and the outside reads or replaces it through the view. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyField, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, RangeSetBuilder, StateEffect, StateField, type Extension } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  type DecorationSet,
} from "@codemirror/view";
import { useEffect, useRef } from "preact/hooks";
import { appearance } from "./editor_theme";

const NONCE = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";

/** What every editor of the page has. */
export const base: Extension = [EditorView.cspNonce.of(NONCE), appearance, EditorState.tabSize.of(4)];

/** What an editor has in which a person types. */
export const writing: Extension = [
  base,
  indentUnit.of("    "),
  lineNumbers(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  drawSelection(),
  history(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  autocompletion({ icons: false }), // they would need a font
  highlightSelectionMatches(),
  keymap.of([
    ...closeBracketsKeymap,
    ...completionKeymap,
    ...searchKeymap,
    ...lintKeymap,
    ...historyKeymap,
    ...defaultKeymap,
    indentWithTab, // Escape, then Tab leaves the editor
  ]),
];

/** What an editor has that shows a text. */
export const reading: Extension = [base, lineNumbers(), EditorState.readOnly.of(true), marked()];

const mark = StateEffect.define<readonly [number, number] | null>();

/** Marks the lines from the one to the other, both counted from 1, and shows them; null marks none. */
export function markLines(view: EditorView, lines: readonly [number, number] | null): void {
  view.dispatch({ effects: mark.of(lines) });
  if (lines === null || lines[0] > view.state.doc.lines) return;
  view.dispatch({ effects: EditorView.scrollIntoView(view.state.doc.line(lines[0]).from, { y: "center" }) });
}

function marked(): Extension {
  return StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(decorations, transaction) {
      const effect = transaction.effects.find((each) => each.is(mark));
      if (!effect) return decorations.map(transaction.changes);
      const builder = new RangeSetBuilder<Decoration>();
      const [first, last] = (effect.value as readonly [number, number] | null) ?? [1, 0];
      for (let line = first; line <= Math.min(last, transaction.state.doc.lines); line += 1) {
        const { from } = transaction.state.doc.line(line);
        builder.add(from, from, Decoration.line({ class: "cm-answered" }));
      }
      return builder.finish();
    },
    provide: (field) => EditorView.decorations.from(field),
  });
}

interface Props {
  label: string;
  text: string;
  extensions: Extension;
  onView?: (view: EditorView) => void;
  /** As an editor of the same text was left: its cursor, and what can be undone. */
  before?: Left | undefined;
  onLeave?: (left: Left) => void;
}

/** An editor's state as JSON. */
export type Left = { doc: string };

const KEPT = { history: historyField };

/** It begins with the `text` and the `extensions` of its first render, and is its own from then on. */
export function Editor({ label, text, extensions, onView, before, onLeave }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  useEffect(() => {
    const named = EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" });
    const config = { extensions: [extensions, named] };
    const same = before !== undefined && before.doc === text;
    const state = same ? EditorState.fromJSON(before, config, KEPT) : EditorState.create({ doc: text, ...config });
    view.current = new EditorView({ state, parent: place.current! });
    onView?.(view.current);
    return () => {
      onLeave?.(view.current!.state.toJSON(KEPT));
      view.current!.destroy();
    };
  }, []);
  return <div class="editor" ref={place} />;
}

/** Tells of each change of the text. */
export function changesOf(told: (text: string) => void): Extension {
  return EditorView.updateListener.of((update) => {
    if (update.docChanged) told(update.state.doc.toString());
  });
}

/** Replaces the text, if it is another, as one step of undo; the cursor stays as near as can be. */
export function replaceText(view: EditorView, text: string): void {
  if (view.state.doc.toString() === text) return;
  const head = Math.min(view.state.selection.main.head, text.length);
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: head } });
}
