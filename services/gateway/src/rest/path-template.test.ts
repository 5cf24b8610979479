import fc from "fast-check";
import { expect, test } from "vitest";
import { parsePathTemplate } from "./path-template.ts";

const cancel = parsePathTemplate("/v1/{name=projects/*/jobs/*}:cancel");

test("a variable takes the segments that it names and the verb stays apart", () => {
  expect(cancel.match("/v1/projects/p/jobs/j:cancel")).toEqual(new Map([["name", "projects/p/jobs/j"]]));
  expect(cancel.match("/v1/projects/p/jobs/j")).toBeUndefined();
  expect(cancel.match("/v1/projects/p/jobs/j:watch")).toBeUndefined();
  expect(cancel.match("/v1/projects/p/jobs/j/k:cancel")).toBeUndefined();
  expect(cancel.match("/v1/projects//jobs/j:cancel")).toBeUndefined();
});

test("a resource without a verb is not taken for one with a verb", () => {
  const get = parsePathTemplate("/v1/{name=projects/*/jobs/*}");
  expect(get.match("/v1/projects/p/jobs/j")).toEqual(new Map([["name", "projects/p/jobs/j"]]));
  expect(get.match("/v1/projects/p/jobs/j:cancel")).toBeUndefined();
});

test("escapes are decoded within a segment, broken ones are no path", () => {
  expect(cancel.match("/v1/projects/a%20b%2Fc/jobs/j%3Acancel:cancel")).toEqual(
    new Map([["name", "projects/a b/c/jobs/j:cancel"]]),
  );
  expect(cancel.match("/v1/projects/%E0%A4%A/jobs/j:cancel")).toBeUndefined();
});

test("templates that the syntax does not know are refused", () => {
  for (const source of ["", "v1/jobs", "/v1/{name", "/v1/{=x}", "/v1/a b"])
    expect(() => parsePathTemplate(source)).toThrow();
});

const id = fc.string({ minLength: 1 }).filter((text) => !text.includes("/") && isWellFormed(text));

test("what is formatted is matched again with the same values", () => {
  fc.assert(
    fc.property(id, id, (project, job) => {
      const values = new Map([["name", `projects/${project}/jobs/${job}`]]);
      expect(cancel.match(cancel.format(values))).toEqual(values);
    }),
  );
});

test("no path makes matching throw", () => {
  fc.assert(
    fc.property(fc.string(), (path) => {
      expect(() => cancel.match(path)).not.toThrow();
    }),
  );
});

/** Lone surrogates cannot be written into a URL. */
function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}
