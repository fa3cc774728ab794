/** What the browser keeps between visits. Where it is told to keep nothing, each page begins anew. */

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Kept in the page alone.
  }
}
