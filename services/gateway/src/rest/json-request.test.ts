import { create, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  CreateJobRequestSchema,
  GatewayService,
  ListJobsRequestSchema,
  UploadHeaderSchema,
} from "@gradients/contracts/gateway";
import { RpcError } from "@gradients/rpc";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRoutes } from "./http-rules.ts";
import { readQuery, readRequest } from "./json-request.ts";

const routes = readRoutes(GatewayService);
const routeOf = (name: string) => {
  const route = routes.find(({ method }) => method.name === name);
  if (!route) throw new Error(`no route for ${name}`);
  return route;
};
const input = (path: Record<string, string>, query = "", body?: JsonValue) => ({
  path: new Map(Object.entries(path)),
  query: new URLSearchParams(query),
  body,
});
const violationsOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof RpcError) return error.fieldViolations.map(({ field, reason }) => [field, reason]);
  }
  throw new Error("nothing was refused");
};

test("every method but the upload has a route, and every route binds fields that its request has", () => {
  expect(routes.map(({ method }) => method.name).toSorted()).toEqual(
    GatewayService.methods
      .map(({ name }) => name)
      .filter((name) => name !== "UploadDataset")
      .toSorted(),
  );
  for (const { method, template } of routes) {
    for (const variable of template.variables)
      expect(method.input.fields.map(({ name }) => name)).toContain(variable);
  }
});

describe("a request that is written as JSON is read as the same message", () => {
  const text = fc.string().filter((candidate) => candidate.isWellFormed());
  const jobs = fc.record({
    displayName: text,
    model: text,
    dataset: text,
    contestants: fc.integer({ min: 0, max: 16 }),
    recipes: fc.array(text),
    budgetSeconds: fc.nat(),
    maxLength: fc.nat(),
  });

  test("from a body, whatever is in it", () => {
    fc.assert(
      fc.property(jobs, text, fc.boolean(), (job, requestId, validateOnly) => {
        const message = create(CreateJobRequestSchema, {
          parent: "projects/p",
          job,
          requestId,
          validateOnly,
        });
        const { parent: _inPath, ...body } = toJson(CreateJobRequestSchema, message) as JsonObject;
        expect(readRequest(routeOf("CreateJob"), input({ parent: "projects/p" }, "", body))).toEqual(message);
      }),
    );
  });

  test("from parameters, in either spelling, nested and repeated", () => {
    fc.assert(
      fc.property(text, fc.nat(), text, text, (fileName, size, instruction, output) => {
        const header = create(UploadHeaderSchema, {
          fileName,
          size: BigInt(size),
          columns: { shape: { case: "instruct", value: { instruction, output } } },
        });
        for (const name of ["fileName", "file_name"]) {
          const query = new URLSearchParams([
            [name, fileName],
            ["size", `${size}`],
            ["columns.instruct.instruction", instruction],
            ["columns.instruct.output", output],
          ]);
          expect(readQuery(UploadHeaderSchema, query)).toEqual(header);
        }
      }),
    );
    const listed = readRequest(
      routeOf("ListJobs"),
      input({ parent: "projects/p" }, "pageSize=7&readMask=name,eventOffset"),
    );
    expect(listed).toEqual(
      create(ListJobsRequestSchema, {
        parent: "projects/p",
        pageSize: 7,
        readMask: { paths: ["name", "event_offset"] },
      }),
    );
  });
});

test("the path wins over the body, so that nobody can name another resource inside", () => {
  const read = readRequest(
    routeOf("CancelJob"),
    input({ name: "projects/p/jobs/1" }, "", { name: "projects/q/jobs/2" }),
  );
  expect(read).toMatchObject({ name: "projects/p/jobs/1" });
});

test("everything that cannot be read is named by its path", () => {
  const body = {
    job: {
      contestants: "x",
      recipes: [1, "a"],
      attempts: [{ state: "STATE_NONE", latest: { step: 1.5 } }],
      colour: "red",
    },
  };
  expect(
    violationsOf(() => readRequest(routeOf("CreateJob"), input({ parent: "p" }, "validateOnly=true", body))),
  ).toEqual([
    ["validateOnly", "PARAMETER_UNKNOWN"],
    ["job.contestants", "TYPE_WRONG"],
    ["job.recipes", "TYPE_WRONG"],
    ["job.attempts[0].state", "TYPE_WRONG"],
    ["job.attempts[0].latest.step", "TYPE_WRONG"],
    ["job.colour", "FIELD_UNKNOWN"],
  ]);
  expect(
    violationsOf(() =>
      readRequest(routeOf("GetJob"), input({ name: "x" }, "name.x=1&readMask.paths=a", { a: 1 })),
    ),
  ).toEqual([
    ["", "BODY_UNEXPECTED"],
    ["name.x", "PARAMETER_UNKNOWN"],
    ["readMask.paths", "PARAMETER_UNKNOWN"],
  ]);
});

test("no JSON makes the reading fail otherwise than by naming fields", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (body) => {
      try {
        readRequest(routeOf("CreateJob"), input({ parent: "p" }, "", body as JsonValue));
      } catch (error) {
        expect(error).toBeInstanceOf(RpcError);
        expect((error as RpcError).fieldViolations.length).toBeGreaterThan(0);
      }
    }),
  );
});
