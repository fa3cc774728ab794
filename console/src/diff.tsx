/** Two texts and where they differ, one below the other. */
import { unifiedMergeView } from "@codemirror/merge";
import { useMemo } from "preact/hooks";
import { Editor, reading } from "./editor";

export function Diff({ label, before, after }: { label: string; before: string; after: string }) {
  const extensions = useMemo(
    () => [reading, unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3 } })],
    [],
  );
  return <Editor label={label} text={after} extensions={extensions} />;
}
