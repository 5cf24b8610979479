import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Dataset, Dataset_State, type UploadDatasetRequestSchema } from "@gradients/contracts/gateway";
import colours from "picocolors";
import { DemoError } from "./demo-error.ts";
import type { Stage } from "./stage.ts";

const CHUNK_BYTES = 256 * 1024;
const POLL_MS = 200;

/** Uploads the user's file, or takes the sample, and shows what the check found. */
export async function checkDataset(stage: Stage, file: string | undefined): Promise<Dataset> {
  const uploaded = file === undefined ? await takeSample(stage) : await upload(stage, file);
  const dataset = await untilChecked(stage, uploaded.name);
  showReport(stage, dataset);
  if (dataset.state !== Dataset_State.READY)
    throw new DemoError(`${dataset.fileName} cannot be trained on; see the findings above.`);
  return dataset;
}

async function takeSample({ gateway, project }: Stage): Promise<Dataset> {
  const { dataset } = await gateway.createSampleDataset({ parent: project });
  if (dataset === undefined) throw new DemoError("The gateway returned no sample data set.");
  return dataset;
}

async function upload({ gateway, project }: Stage, file: string): Promise<Dataset> {
  const size = await stat(file).then(
    (found) => found.size,
    () =>
      Promise.reject(
        new DemoError(`--dataset: ${file} cannot be read. Give the path of a .jsonl, .csv or .parquet file.`),
      ),
  );
  const { dataset } = await gateway.uploadDataset(messages(project, file, size), { deadlineMs: 600_000 });
  if (dataset === undefined) throw new DemoError("The gateway returned no data set.");
  return dataset;
}

async function* messages(
  parent: string,
  file: string,
  size: number,
): AsyncIterable<MessageInitShape<typeof UploadDatasetRequestSchema>> {
  yield { content: { case: "header", value: { parent, fileName: basename(file), size: BigInt(size) } } };
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    yield { content: { case: "chunk", value: chunk as Buffer } };
  }
}

async function untilChecked({ gateway, signal }: Stage, name: string): Promise<Dataset> {
  for (;;) {
    const { dataset } = await gateway.getDataset({ name });
    if (dataset !== undefined && dataset.state !== Dataset_State.CHECKING) return dataset;
    await delay(POLL_MS, undefined, { signal });
  }
}

function showReport({ screen }: Stage, { fileName, report, attribution }: Dataset): void {
  if (report === undefined) return;
  screen.print(
    `  ${fileName}: ${report.usableRows} usable rows of ${report.rows}, ${report.totalTokens} tokens, ${report.duplicateRows} duplicates, ${report.emptyRows} empty, ${report.overlongRows + report.longRows} too long`,
  );
  for (const { message, fix, rows } of report.findings) {
    screen.print(
      `  ${colours.yellow("!")} ${message}${rows.length > 0 ? colours.dim(` (rows ${rows.slice(0, 5).join(", ")})`) : ""} ${fix}`,
    );
  }
  if (attribution) screen.print(colours.dim(`  ${attribution.split("\n")[0]}`));
}
