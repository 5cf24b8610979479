import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { FileFormat } from "@gradients/contracts/common";
import {
  Dataset_State,
  Finding_Severity,
  type UploadDatasetRequestSchema,
} from "@gradients/contracts/gateway";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parquetOfRows } from "./test/parquet.ts";
import {
  checked,
  createWorld,
  idOf,
  instructRow,
  instructRows,
  refusalOf,
  type UploadOptions,
  upload,
  type World,
} from "./test/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld({ GATEWAY_UPLOADS_MAX_BYTES: "30000000", GATEWAY_UPLOADS_TIMEOUT_SECONDS: "6" });
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const uploadChecked = async (content: string | Uint8Array, options?: UploadOptions) =>
  checked(world.customer, (await upload(world.customer, content, options)).name);

describe("the report", () => {
  test.each([
    ["data.jsonl", FileFormat.JSONL, () => instructRows(70)],
    ["data.csv", FileFormat.CSV, () => csvRows(70)],
    ["data.parquet", FileFormat.PARQUET, () => parquetOfRows(70)],
  ] as const)(
    "of %s names its columns, mapping, tokens and rows as the model sees them",
    async (fileName, format, content) => {
      const dataset = await uploadChecked(content(), { fileName });
      expect(dataset.state).toBe(Dataset_State.READY);
      expect(dataset.report).toMatchObject({
        format,
        rows: 70n,
        usableRows: 70n,
        columns: ["instruction", "input", "output"].map((name) => ({
          name,
          type: "string",
          emptyValues: 0n,
        })),
        mapping: {
          shape: {
            case: "instruct",
            value: { instruction: "instruction", input: "input", output: "output" },
          },
        },
        findings: [],
      });
      const preview =
        "<|im_start|>user\nName the number.\n\n0<|im_end|>\n<|im_start|>assistant\nThe number 0.<|im_end|>\n";
      expect(dataset.report?.previews[0]).toBe(preview);
      expect(dataset.report?.previews).toHaveLength(3);
      expect(dataset.report?.totalTokens).toBe(expectedTokens(70));
      expect(dataset.report?.tokenHistogram.map(({ upTo, rows }) => [upTo, rows])).toEqual([[64, 70n]]);
    },
  );

  test("counts what costs rows, each with the first row numbers, and stays usable", async () => {
    const lines = [
      ...Array.from({ length: 64 }, (_, index) => instructRow(index)),
      instructRow(0), // 65: a repetition
      { instruction: "Say nothing.", input: "", output: " " }, // 66: empty
      { instruction: "Be long.", input: "", output: "long ".repeat(100) }, // 67: over the context of 256 bytes
      { instruction: "forbidden", input: "", output: "no" }, // 68: the template refuses it
      { instruction: "Say it in numbers.", input: "", output: ["a", "list"] }, // 69: not text
    ];
    const dataset = await uploadChecked(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    expect(dataset.state).toBe(Dataset_State.READY);
    expect(dataset.report).toMatchObject({
      rows: 69n,
      usableRows: 64n,
      duplicateRows: 1n,
      emptyRows: 1n,
      overlongRows: 1n,
    });
    const findings = dataset.report?.findings.map(({ rule, severity, rows, count }) => [
      rule,
      severity,
      rows,
      count,
    ]);
    expect(findings).toEqual(
      expect.arrayContaining([
        ["DUPLICATE_ROW", Finding_Severity.WARNING, [65n], 1n],
        ["EMPTY_OUTPUT", Finding_Severity.WARNING, [66n], 1n],
        ["OVERLONG_ROW", Finding_Severity.WARNING, [67n], 1n],
        ["TEMPLATE_REFUSED", Finding_Severity.WARNING, [68n], 1n],
        ["NOT_TEXT", Finding_Severity.WARNING, [69n], 1n],
      ]),
    );
  });

  test.each<[string, string, Uint8Array | string, UploadOptions, object]>([
    ["a malformed line", "MALFORMED_LINE", `${instructRows(70)}{"instruction": \n`, {}, { rows: [71n] }],
    ["a line that is no object", "NOT_AN_OBJECT", `${instructRows(3)}[1]\n`, {}, { rows: [4n] }],
    ["mixed encodings", "MIXED_ENCODING", mixedEncodings(), {}, { rows: [71n] }],
    ["no usable row", "NO_USABLE_ROWS", '{"instruction":"a","output":""}\n', {}, {}],
    ["unknown columns", "COLUMNS_NOT_FOUND", '{"foo":"a","bar":"b"}\n', {}, {}],
    [
      "a chosen column that is not there",
      "COLUMN_UNKNOWN",
      instructRows(70),
      { columns: { instruction: "instruction", output: "answer" } },
      { column: "answer" },
    ],
    ["a JSON array", "NOT_JSON_LINES", '[{"instruction":"a","output":"b"}]', {}, { rows: [1n] }],
    [
      "a header that names a column twice",
      "BAD_CSV_HEADER",
      "a,a\n1,2\n",
      { fileName: "x.csv" },
      { rows: [1n] },
    ],
    [
      "a row with too many fields",
      "WRONG_COLUMN_COUNT",
      `${csvRows(70)}a,b,c,d\n`,
      { fileName: "x.csv" },
      { rows: [72n] },
    ],
    [
      "a cut Parquet file",
      "BAD_PARQUET",
      new Uint8Array([...Buffer.from("PAR1"), ...new Uint8Array(100)]),
      { fileName: "x.parquet" },
      {},
    ],
    [
      "UTF-16",
      "NOT_UTF8",
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("x", "utf16le")]),
      {},
      { rows: [1n] },
    ],
    ["blank lines only", "EMPTY_FILE", "\n\n", {}, {}],
  ])("says of %s: %s", async (_what, rule, content, options, details) => {
    const dataset = await uploadChecked(content, options);
    expect(dataset.state).toBe(Dataset_State.INVALID);
    const finding = dataset.report?.findings.find((candidate) => candidate.rule === rule);
    expect(finding).toMatchObject({ severity: Finding_Severity.ERROR, ...details });
    expect(finding?.message).not.toBe("");
    expect(finding?.fix).not.toBe("");
  });

  test("of too few rows warns that no job will take them", async () => {
    const dataset = await uploadChecked(instructRows(10));
    expect(dataset.state).toBe(Dataset_State.READY);
    expect(dataset.report?.findings).toMatchObject([{ rule: "TOO_FEW_ROWS" }]);
  });
});

describe("an upload is refused and leaves nothing", () => {
  const sha256 = createHash("sha256").update(instructRows(70)).digest("hex");

  test.each<[string, string, string | Uint8Array, UploadOptions]>([
    ["cut short of its declared size", "UPLOAD_CUT", instructRows(70), { size: 1_000_000n }],
    ["longer than its declared size", "UPLOAD_TOO_LONG", instructRows(70), { size: 5_000n }],
    ["another content than declared", "UPLOAD_DIGEST_MISMATCH", instructRows(69), { sha256 }],
    ["empty", "UPLOAD_EMPTY", "", {}],
    ["larger than allowed, and says so", "UPLOAD_TOO_LARGE", "x", { size: 30_000_001n }],
    ["larger than allowed", "UPLOAD_TOO_LARGE", new Uint8Array(30_000_001), {}],
    ["of no known format", "REQUEST_INVALID", "hello", { fileName: "data.xlsx" }],
    ["for a model that is not there", "REQUEST_INVALID", instructRows(70), { model: "models/none" }],
    [
      "with half a mapping",
      "REQUEST_INVALID",
      instructRows(70),
      { columns: { instruction: "instruction", output: "" } },
    ],
    ["without a name", "REQUEST_INVALID", instructRows(70), { fileName: "" }],
    ["with a digest that is none", "REQUEST_INVALID", instructRows(70), { sha256: "abc" }],
  ])("when it is %s: %s", async (_what, reason, content, options) => {
    const refusal = await refusalOf(upload(world.customer, content, options));
    expect(refusal).toMatchObject({ code: "INVALID_ARGUMENT", reason });
    await expectNothingLeft();
  });

  test("when it does not start with its header, or repeats it", async () => {
    const { client, project } = world.customer;
    const chunk = { content: { case: "chunk" as const, value: Buffer.from(instructRows(70)) } };
    const header = { content: { case: "header" as const, value: { parent: project, fileName: "a.jsonl" } } };
    expect(await refusalOf(client.uploadDataset(stream(chunk)))).toMatchObject({
      reason: "UPLOAD_HEADER_MISSING",
    });
    expect(await refusalOf(client.uploadDataset(stream()))).toMatchObject({
      reason: "UPLOAD_HEADER_MISSING",
    });
    expect(await refusalOf(client.uploadDataset(stream(header, chunk, header)))).toMatchObject({
      reason: "UPLOAD_HEADER_REPEATED",
    });
    await expectNothingLeft();
  });

  test("when its gRPC stream is cancelled half-way, however much has been stored", async () => {
    const { client, project } = world.customer;
    const cancel = new AbortController();
    const call = client.uploadDataset(
      endless(project, () => cancel.abort()),
      { signal: cancel.signal },
    );
    expect(await refusalOf(call)).toMatchObject({ code: "CANCELLED" });
    await expectNothingLeft();
  });

  test("when its sender stalls for longer than it may take", async () => {
    const { client, project } = world.customer;
    const stalled = Promise.withResolvers<never>();
    const messages = async function* () {
      yield { content: { case: "header" as const, value: { parent: project, fileName: "a.jsonl" } } };
      yield { content: { case: "chunk" as const, value: Buffer.from(instructRows(70)) } };
      await stalled.promise;
    };
    expect(await refusalOf(client.uploadDataset(messages()))).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "UPLOAD_EXPIRED",
    });
    await expectNothingLeft();
  });

  test("when it was given up before it could be kept", async () => {
    const { client, project } = world.customer;
    const messages = async function* () {
      yield { content: { case: "header" as const, value: { parent: project, fileName: "a.jsonl" } } };
      yield { content: { case: "chunk" as const, value: Buffer.from(instructRows(70)) } };
      await vi.waitFor(async () => expect(await uploadsUnderWay()).toBe(1));
      await world.db.q
        .updateTable("upload")
        .set({ expires_at: new Date(0) })
        .execute();
    };
    expect(await refusalOf(client.uploadDataset(messages()))).toMatchObject({ reason: "UPLOAD_EXPIRED" });
    await expectNothingLeft();
  });

  test("when its HTTP connection breaks half-way", async () => {
    const { hostname, port } = new URL(world.http);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const path = `/v1/${world.customer.project}/datasets:upload?fileName=a.jsonl`;
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${world.customer.key}\r\ncontent-length: 20000000\r\n\r\n`,
    );
    for (let sent = 0; sent < 12; sent++)
      if (!socket.write(Buffer.alloc(1024 * 1024, "x"))) await once(socket, "drain");
    await vi.waitFor(async () => expect(await uploadsUnderWay()).toBe(1));
    socket.destroy();
    await expectNothingLeft();
  });
});

describe("a repeated upload", () => {
  test("with the same id, header and content is the same data set, also when both come at once", async () => {
    const again = () => upload(world.customer, instructRows(75), { requestId: "twice" });
    const [first, second] = await Promise.all([again(), again()]);
    expect(second.name).toBe(first.name);
    expect((await again()).name).toBe(first.name);
    await expectNothingLeft(first.name);
  });

  test("with another content or header is refused", async () => {
    await upload(world.customer, instructRows(75), { requestId: "other" });
    const content = await refusalOf(upload(world.customer, instructRows(76), { requestId: "other" }));
    expect(content).toMatchObject({ code: "ALREADY_EXISTS", reason: "REQUEST_ID_REUSED" });
    const header = await refusalOf(
      upload(world.customer, instructRows(75), { requestId: "other", fileName: "b.jsonl" }),
    );
    expect(header).toMatchObject({ code: "ALREADY_EXISTS", reason: "REQUEST_ID_REUSED" });
  });
});

test("the sample data set comes with its attribution, once per request id", async () => {
  const { client, project } = world.customer;
  const { dataset } = await client.createSampleDataset({ parent: project, requestId: "sample" });
  expect(dataset).toMatchObject({ fileName: "sample.jsonl", attribution: "Made for tests. CC0." });
  const again = await client.createSampleDataset({ parent: project, requestId: "sample" });
  expect(again.dataset?.name).toBe(dataset?.name);
  expect((await checked(world.customer, dataset?.name ?? "")).state).toBe(Dataset_State.READY);
});

test("a check that its worker has left is taken over and ends", async () => {
  const { name } = await upload(world.customer, instructRows(80));
  await checked(world.customer, name);
  const datasetId = idOf(name) as never;
  await world.db.q
    .updateTable("dataset")
    .set({ state: "checking", report: null })
    .where("dataset_id", "=", datasetId)
    .execute();
  const dead = {
    dataset_id: datasetId,
    due_at: new Date(),
    lease_id: "0192f0c0-0000-7000-8000-000000000000",
    tries: 1,
  };
  await world.db.q.insertInto("dataset_check").values(dead).execute();
  expect((await checked(world.customer, name)).report?.usableRows).toBe(80n);
});

test("a check that a stop interrupts goes on elsewhere at once", async () => {
  const rows = Array.from(
    { length: 4_000 },
    (_, index) => `${JSON.stringify({ ...instructRow(index), note: "x".repeat(100) })}\n`,
  );
  const { name } = await upload(world.customer, rows.join(""));
  await vi.waitFor(
    async () => {
      const { lease_id } = await world.db.q
        .selectFrom("dataset_check")
        .select("lease_id")
        .where("dataset_id", "=", idOf(name) as never)
        .executeTakeFirstOrThrow();
      expect(lease_id).not.toBeNull();
    },
    { interval: 5 },
  );
  await world.restart();
  expect((await checked(world.customer, name)).report?.usableRows).toBe(4_000n);
});

test("what a crash left of an upload is swept away once its time is over", async () => {
  const datasetId = "0192f0c0-0000-7000-8000-00000000000a" as never;
  await world.objects.put(`datasets/${datasetId}/original`, Buffer.from("half"));
  await world.db.q
    .insertInto("upload")
    .values({ dataset_id: datasetId, expires_at: new Date(0) })
    .execute();
  await world.restart(); // the sweeper runs at the start
  await vi.waitFor(
    async () => expect(await world.objects.exists(`datasets/${datasetId}/original`)).toBe(false),
    { timeout: 5_000 },
  );
});

function csvRows(count: number): string {
  const lines = Array.from({ length: count }, (_, index) => instructRow(index));
  return `instruction,input,output\n${lines.map(({ instruction, input, output }) => `"${instruction}",${input},"${output}"\n`).join("")}`;
}

function mixedEncodings(): Buffer {
  const latin = Buffer.from('{"instruction":"caf\xe9","output":"x"}\n', "latin1");
  return Buffer.concat([Buffer.from(instructRows(70)), latin]);
}

/** One token for each byte, one for each of the four special tokens. */
function expectedTokens(count: number): bigint {
  const template = "user\n\n\n\nassistant\n\n".length + 4;
  const rows = Array.from({ length: count }, (_, index) => instructRow(index));
  return BigInt(
    rows.reduce(
      (sum, { instruction, input, output }) =>
        sum + template + instruction.length + input.length + output.length,
      0,
    ),
  );
}

async function* stream(...messages: readonly UploadMessage[]): AsyncGenerator<UploadMessage> {
  yield* messages;
}

async function* endless(parent: string, onPartsStored: () => void) {
  yield { content: { case: "header" as const, value: { parent, fileName: "a.jsonl" } } };
  for (let sent = 0; ; sent++) {
    if (sent === 20) onPartsStored(); // 20 MiB: two parts of 8 MiB have gone
    yield { content: { case: "chunk" as const, value: Buffer.alloc(1024 * 1024, "x") } };
  }
}

type UploadMessage = MessageInitShape<typeof UploadDatasetRequestSchema>;

async function uploadsUnderWay(): Promise<number> {
  return (await world.db.q.selectFrom("upload").select("dataset_id").execute()).length;
}

/** No row of an upload, and no object but those of data sets. */
async function expectNothingLeft(...names: readonly string[]): Promise<void> {
  await vi.waitFor(async () => expect(await uploadsUnderWay()).toBe(0), { timeout: 5_000 });
  const rows = await world.db.q.selectFrom("dataset").select("object_key").execute();
  const keys = await world.listObjects("datasets/");
  expect(keys.toSorted()).toEqual(rows.map((row) => row.object_key).toSorted());
  await vi.waitFor(async () => expect(await world.openMultiparts()).toEqual([]), { timeout: 5_000 });
  for (const name of names) expect(keys).toContain(`datasets/${idOf(name)}/original`);
}
