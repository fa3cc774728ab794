/** Light, dark, or what the system says; the choice is kept in the browser. */
import { effect, signal } from "@preact/signals";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "mockllm.theme";
const kept = localStorage.getItem(KEY) as Theme | null;

export const theme = signal<Theme>(kept && THEMES.includes(kept) ? kept : "system");

effect(() => {
  const chosen = theme.value;
  document.documentElement.style.colorScheme = chosen === "system" ? "light dark" : chosen;
  localStorage.setItem(KEY, chosen);
});
