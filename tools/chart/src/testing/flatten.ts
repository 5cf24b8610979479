/** `path = value` for each leaf; entries of a list that have names are told by them and not by their place. */
export function flatten(path: string, value: unknown): readonly string[] {
  if (value === null || typeof value !== "object") return [`${path} = ${JSON.stringify(value)}`];
  const entries = Array.isArray(value) ? value.map(keyed) : Object.entries(value);
  if (entries.length === 0) return [`${path} = ${JSON.stringify(value)}`];
  if (JSON.stringify(value).length < 100 && path.split(".").length > 3)
    return [`${path} = ${JSON.stringify(value)}`];
  return entries.flatMap(([key, child]) => flatten(`${path}.${key}`, child));
}

function keyed(item: unknown, place: number): readonly [string, unknown] {
  const isNamed =
    item !== null && typeof item === "object" && "name" in item && typeof item.name === "string";
  return [isNamed ? `[${item.name as string}]` : `[${place}]`, item];
}
