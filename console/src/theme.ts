/** Light, dark, or what the system says; the choice is kept in the browser. */
import { effect, signal } from "@preact/signals";
import { recall, remember } from "./kept";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "mockllm.theme";
const kept = recall(KEY) as Theme | null;

export const theme = signal<Theme>(kept && THEMES.includes(kept) ? kept : "system");

effect(() => {
  const chosen = theme.value;
  document.documentElement.style.colorScheme = chosen === "system" ? "light dark" : chosen;
  remember(KEY, chosen);
});
