import type { KubeClient } from "@gradients/kube";

interface Page<T> {
  readonly metadata: { readonly continue?: string };
  readonly items: readonly T[];
}

/** How many runs there are at that path, and how many of them have ended, by a full list. */
export async function countObjects<T>(
  { transport }: KubeClient,
  path: string,
  hasEnded: (object: T) => boolean,
): Promise<{ readonly made: number; readonly ended: number }> {
  let made = 0;
  let ended = 0;
  let next = "";
  do {
    const query = { limit: "500", ...(next && { continue: next }) };
    const page = await transport.call<Page<T>>({ method: "GET", path, query, timeoutMs: 60_000 });
    made += page.items.length;
    ended += page.items.filter(hasEnded).length;
    next = page.metadata.continue ?? "";
  } while (next !== "");
  return { made, ended };
}

export type Conditions = readonly { readonly type: string; readonly status: string }[];

export function hasCondition(conditions: Conditions | undefined, type: string): boolean {
  return conditions?.some((one) => one.type === type && one.status === "True") ?? false;
}
