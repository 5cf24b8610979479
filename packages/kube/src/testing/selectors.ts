import type { KubeObject } from "./store.ts";

export interface Selector {
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

export function selectorOf(query: URLSearchParams): Selector {
  return { labels: pairs(query.get("labelSelector")), fields: pairs(query.get("fieldSelector")) };
}

export function selects({ labels, fields }: Selector, object: KubeObject): boolean {
  const hasLabels = Object.entries(labels).every(([name, value]) => object.metadata.labels?.[name] === value);
  return hasLabels && Object.entries(fields).every(([path, value]) => fieldOf(object, path) === value);
}

/** `a=1,b=2`: equality is all that is asked here. */
function pairs(text: string | null): Record<string, string> {
  const terms = (text ?? "").split(",").filter(Boolean);
  return Object.fromEntries(terms.map((term) => term.split(/==?/, 2) as [string, string]));
}

function fieldOf(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const step of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[step];
  return value;
}
