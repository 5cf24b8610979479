const STORAGE_KEY = "gradients.key";

/** The API key of this tab; kept for the tab's life only. */
export function readKey(): string | null {
  return sessionStorage.getItem(STORAGE_KEY);
}

export function storeKey(key: string): void {
  sessionStorage.setItem(STORAGE_KEY, key.trim());
}

export function forgetKey(): void {
  sessionStorage.removeItem(STORAGE_KEY);
}

/** Takes a key from `#key=...`, so that an operator can hand out one link, and clears it from the address bar. */
export function absorbKeyFromAddress(): void {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return;
  storeKey(key);
  history.replaceState(null, "", location.pathname + location.search);
}
