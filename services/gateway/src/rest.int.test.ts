import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checked, createWorld, instructRows, newJob, upload, type World } from "./test/world.ts";

let world: World;
let web: string;

beforeAll(async () => {
  web = await mkdtemp(join(tmpdir(), "web-"));
  await writeFile(join(web, "index.html"), "<!doctype html><title>page</title>");
  await mkdir(join(web, "assets"));
  await writeFile(join(web, "assets", "app.js"), "export {};");
  world = await createWorld({ GATEWAY_WEB_ROOT: web, GATEWAY_HTTP_CORS_ORIGINS: "https://partner.example" });
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await rm(web, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  const authorization = `Bearer ${world.customer.key}`;
  const response = await fetch(`${world.http}${path}`, {
    method,
    ...json,
    headers: { authorization, ...type, ...headers },
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

describe("the same calls as over gRPC", () => {
  test("take and give ProtoJSON: upload, order, read, page, cancel", async () => {
    const { project } = world.customer;
    const uploaded = await fetch(
      `${world.http}/v1/${project}/datasets:upload?fileName=a.jsonl&columns.instruct.instruction=instruction&columns.instruct.output=output`,
      {
        method: "POST",
        headers: { authorization: `Bearer ${world.customer.key}` },
        body: instructRows(80),
      },
    );
    expect(uploaded.status).toBe(200);
    const { name: dataset } = (await uploaded.json()) as { name: string };
    await checked(world.customer, dataset);
    const read = await call("GET", `/v1/${dataset}`);
    expect(read.body).toMatchObject({
      state: "STATE_READY",
      report: { rows: "80", mapping: { instruct: { instruction: "instruction", output: "output" } } },
    });

    const created = await call(
      "POST",
      `/v1/${project}/jobs`,
      { job: { model: world.model, dataset, contestants: 2 } },
      { "idempotency-key": "rest-1" },
    );
    expect(created).toMatchObject({
      status: 200,
      body: { state: "STATE_ACCEPTED", contestants: 2, maxLength: 256, eventOffset: "1" },
    });
    const again = await call("POST", `/v1/${project}/jobs`, {
      requestId: "rest-1",
      job: { model: world.model, dataset, contestants: 2 },
    });
    expect(again.body).toEqual(created.body);
    const reused = await call(
      "POST",
      `/v1/${project}/jobs`,
      { job: { model: world.model, dataset, contestants: 1 } },
      { "idempotency-key": "rest-1" },
    );
    expect(reused).toMatchObject({
      status: 409,
      body: { code: "ALREADY_EXISTS", reason: "REQUEST_ID_REUSED", violations: [{ field: "request_id" }] },
    });

    const job = String(created.body["name"]);
    expect((await call("GET", `/v1/${job}?readMask=name,state`)).body).toEqual({
      name: job,
      state: "STATE_ACCEPTED",
    });
    expect((await call("GET", `/v1/${project}/jobs?pageSize=1`)).body).toMatchObject({
      jobs: [{ name: job }],
    });
    expect((await call("POST", `/v1/${job}:cancel`, {})).body).toMatchObject({ state: "STATE_CANCELLED" });
    expect((await call("POST", `/v1/${job}:cancel`)).body).toMatchObject({ state: "STATE_CANCELLED" });
  });

  test("take a form with the file as its last part", async () => {
    const form = new FormData();
    form.append("model", world.model);
    form.append("file", new Blob([instructRows(80)]), "from-a-form.jsonl");
    const response = await fetch(`${world.http}/v1/${world.customer.project}/datasets:upload`, {
      method: "POST",
      headers: { authorization: `Bearer ${world.customer.key}` },
      body: form,
    });
    const dataset = (await response.json()) as { name: string };
    expect(dataset).toMatchObject({ fileName: "from-a-form.jsonl", state: "STATE_CHECKING" });
    expect((await checked(world.customer, dataset.name)).report?.rows).toBe(80n);
  });

  test("recognise a form that was cut, or has no file", async () => {
    const post = (body: string) =>
      call("POST", `/v1/${world.customer.project}/datasets:upload?fileName=a.jsonl`, undefined, {}).then(() =>
        fetch(`${world.http}/v1/${world.customer.project}/datasets:upload?fileName=a.jsonl`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${world.customer.key}`,
            "content-type": "multipart/form-data; boundary=x",
          },
          body,
        }),
      );
    const before = await world.listObjects("datasets/");
    const cut = await post(
      `--x\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n${instructRows(80)}`,
    );
    expect(cut.status).toBe(400);
    expect(await cut.json()).toMatchObject({ reason: "FORM_UNREADABLE" });
    const none = await post(
      `--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nmodels/tiny\r\n--x--\r\n`,
    );
    expect(await none.json()).toMatchObject({ status: 400, reason: "UPLOAD_EMPTY" });
    await vi.waitFor(async () => expect(await world.listObjects("datasets/")).toEqual(before));
  });
});

describe("a refused request", () => {
  test("comes as problem details with every field that is wrong", async () => {
    const { project } = world.customer;
    const { status, headers, body } = await call(
      "POST",
      `/v1/${project}/jobs`,
      { job: { model: "models/x", contestants: 99 } },
      { "x-request-id": "trace-me" },
    );
    expect(status).toBe(400);
    expect(headers.get("content-type")).toContain("application/problem+json");
    expect(headers.get("x-request-id")).toBe("trace-me");
    expect(body).toMatchObject({
      type: "urn:gradients:problem:request-invalid",
      title: "Invalid request",
      status: 400,
      code: "INVALID_ARGUMENT",
      reason: "REQUEST_INVALID",
      request_id: "trace-me",
      violations: [{ field: "job.contestants", description: expect.stringContaining("found 99") }],
    });
  });

  test.each<[string, unknown, readonly (readonly [string, string])[]]>([
    [
      "unknown fields",
      { jobb: {}, job: { modell: "x" } },
      [
        ["jobb", "FIELD_UNKNOWN"],
        ["job.modell", "FIELD_UNKNOWN"],
      ],
    ],
    [
      "wrong types",
      { job: { contestants: "three", recipes: "full", model: 5 } },
      [
        ["job.contestants", "TYPE_WRONG"],
        ["job.recipes", "TYPE_WRONG"],
        ["job.model", "TYPE_WRONG"],
      ],
    ],
    ["a list for a body", [], [["", "BODY_NOT_AN_OBJECT"]]],
    ["text for a message", { job: "x" }, [["job", "TYPE_WRONG"]]],
  ])("with %s in its body names each", async (_what, body, expected) => {
    const answer = await call("POST", `/v1/${world.customer.project}/jobs`, body);
    expect(answer).toMatchObject({ status: 400, body: { reason: "REQUEST_UNREADABLE" } });
    const violations = answer.body["violations"] as readonly { field: string; reason: string }[];
    expect(violations.map(({ field, reason }) => [field, reason])).toEqual(expected);
  });

  test.each<[string, string, string, RequestInit, number, string]>([
    ["to nowhere", "GET", "/v1/nothing", {}, 404, "PATH_UNKNOWN"],
    ["with another verb", "DELETE", "/v1/models", {}, 405, "VERB_UNKNOWN"],
    ["with an unknown parameter", "GET", "/v1/models?colour=red", {}, 400, "REQUEST_UNREADABLE"],
    ["with a parameter of the wrong type", "GET", "/v1/models?pageSize=many", {}, 400, "REQUEST_UNREADABLE"],
    [
      "with broken JSON",
      "POST",
      "{project}/jobs",
      { body: "{", headers: { "content-type": "application/json" } },
      400,
      "BODY_NOT_JSON",
    ],
    [
      "with another media type",
      "POST",
      "{project}/jobs",
      { body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "MEDIA_TYPE_UNSUPPORTED",
    ],
    [
      "with a huge body",
      "POST",
      "{project}/jobs",
      { body: `"${"x".repeat(1_100_000)}"`, headers: { "content-type": "application/json" } },
      413,
      "BODY_TOO_LARGE",
    ],
    [
      "that is not found",
      "GET",
      "{project}/jobs/0192f0c0-0000-7000-8000-000000000000",
      {},
      404,
      "JOB_NOT_FOUND",
    ],
    [
      "for a foreign project",
      "GET",
      "/v1/projects/0192f0c0-0000-7000-8000-000000000000/jobs",
      {},
      403,
      "PROJECT_FORBIDDEN",
    ],
    ["to a path outside of the API", "GET", "/secrets.txt", {}, 404, "PATH_UNKNOWN"],
  ])("%s says so", async (_what, method, path, init, status, reason) => {
    const url = world.http + path.replace("{project}", `/v1/${world.customer.project}`);
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${world.customer.key}`);
    const response = await fetch(url, { ...init, method, headers });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ status, reason, request_id: expect.any(String) });
    if (status === 405) expect(response.headers.get("allow")).toBe("GET");
  });

  test("for an upload is answered before the file is stored", async () => {
    const before = await world.listObjects("datasets/");
    const post = (query: string, key = world.customer.key) =>
      fetch(`${world.http}/v1/${world.customer.project}/datasets:upload?${query}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: new Uint8Array(3_000_000),
      });
    expect((await post("fileName=a.jsonl", "wrong")).status).toBe(401);
    expect(await (await post("fileName=a.exe")).json()).toMatchObject({
      violations: [{ field: "header.file_name", reason: "FORMAT_UNKNOWN" }],
    });
    expect(await (await post("fileName=a.jsonl&size=5")).json()).toMatchObject({ reason: "UPLOAD_TOO_LONG" });
    expect(await (await post("fileName=a.jsonl&colour=red")).json()).toMatchObject({
      violations: [{ field: "colour" }],
    });
    expect(await world.listObjects("datasets/")).toEqual(before);
  });
});

describe("around the API", () => {
  test("the OpenAPI document names every route, the upload, the stream and the problem", async () => {
    const { body } = await call("GET", "/openapi.json");
    const { paths, components } = body as {
      paths: Record<string, Record<string, object>>;
      components: { schemas: Record<string, object> };
    };
    expect(body).toMatchObject({ openapi: "3.1.0" });
    expect(Object.keys(paths).toSorted()).toEqual([
      "/v1/caller",
      "/v1/models",
      "/v1/projects/{project}/apiKeys",
      "/v1/projects/{project}/apiKeys/{apiKey}:revoke",
      "/v1/projects/{project}/datasets",
      "/v1/projects/{project}/datasets/{dataset}",
      "/v1/projects/{project}/datasets:createSample",
      "/v1/projects/{project}/datasets:upload",
      "/v1/projects/{project}/jobs",
      "/v1/projects/{project}/jobs/{job}",
      "/v1/projects/{project}/jobs/{job}/result",
      "/v1/projects/{project}/jobs/{job}:cancel",
      "/v1/projects/{project}/jobs/{job}:watch",
      "/v1/recipes",
    ]);
    expect(paths["/v1/projects/{project}/jobs/{job}:watch"]?.["get"]).toMatchObject({
      responses: {
        "200": { content: { "text/event-stream": {} } },
        default: { content: { "application/problem+json": {} } },
      },
    });
    expect(components.schemas).toHaveProperty("Problem");
    const refs = [...JSON.stringify(body).matchAll(/#\/components\/schemas\/([\w.]+)/g)].map(
      ([, name = ""]) => name,
    );
    for (const name of refs) expect(Object.keys(components.schemas)).toContain(name);
  });

  test("health, page and headers", async () => {
    expect((await call("GET", "/healthz")).status).toBe(200);
    for (const path of ["/", "/new", "/jobs/0192"]) {
      const page = await fetch(world.http + path);
      expect(await page.text()).toContain("<title>page</title>");
      expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
      expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    }
    expect((await fetch(`${world.http}/assets/app.js`)).status).toBe(200);
    expect((await fetch(`${world.http}/assets/../../etc/passwd`)).status).toBe(404);
    expect((await fetch(`${world.http}/%2e%2e/%2e%2e/etc/passwd`)).status).toBe(404);
  });

  test("pages of other origins are let in only where the operator says so", async () => {
    const preflight = (origin: string) =>
      fetch(`${world.http}/v1/models`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "GET" },
      });
    const partner = await preflight("https://partner.example");
    expect(partner.status).toBe(204);
    expect(partner.headers.get("access-control-allow-origin")).toBe("https://partner.example");
    expect(partner.headers.get("access-control-allow-headers")).toContain("authorization");
    expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
  });

  test("a stop ends open event streams at once and leaves no call hanging", async () => {
    const { name } = await newJob(world);
    const response = await fetch(`${world.http}/v1/${name}:watch`, {
      headers: { authorization: `Bearer ${world.customer.key}` },
    });
    const text = response.text();
    const startedAt = performance.now();
    await world.restart();
    expect(await text).toContain('"reason":"SERVER_STOPPING"');
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    await upload(world.customer, instructRows(1));
  });
});
