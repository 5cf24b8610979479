import { readdirSync, readFileSync } from "node:fs";
import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { decodeEvent, encodeEvent, eventCatalogue } from "./catalogue.ts";

const folder = new URL("../golden/", import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".bin"))
  .map((file) => file.slice(0, -".bin".length));

describe("golden events", () => {
  test.each(eventCatalogue.map((entry) => entry.schema.name))("%s has one", (name) => {
    expect(names).toContain(`${name}.1`);
  });

  test.each(names)("%s decodes to what was written", (name) => {
    const schema = schemaOf(name);
    const bytes = readFileSync(new URL(`${name}.bin`, folder));
    const written = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) as JsonValue;
    const decoded = decodeEvent(schema, bytes);
    expect(toJson(schema, decoded)).toEqual(written);
    expect(Buffer.from(encodeEvent(schema, decoded))).toEqual(bytes);
  });
});

function schemaOf(name: string) {
  const entry = eventCatalogue.find(({ schema }) => name.startsWith(`${schema.name}.`));
  if (!entry) throw new Error(`golden/${name}.bin belongs to no event: events are never removed within v1`);
  return entry.schema;
}
