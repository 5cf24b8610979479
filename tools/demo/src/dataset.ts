import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Dataset, Dataset_State } from "@gradients/contracts/gateway";
import { datasetUpload, untilChecked } from "@gradients/dev/dataset-upload";
import colours from "picocolors";
import { DemoError } from "./demo-error.ts";
import type { Stage } from "./stage.ts";

const CHUNK_BYTES = 256 * 1024;

/** Uploads the user's file, or takes the sample, and shows what the check found. */
export async function checkDataset(stage: Stage, file: string | undefined): Promise<Dataset> {
  const uploaded = file === undefined ? await takeSample(stage) : await upload(stage, file);
  const dataset = await untilChecked(stage.gateway, uploaded.name, stage.signal);
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
  const header = { parent: project, fileName: basename(file), size: BigInt(size) };
  const chunks = createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
  const { dataset } = await gateway.uploadDataset(datasetUpload(header, chunks), { deadlineMs: 600_000 });
  if (dataset === undefined) throw new DemoError("The gateway returned no data set.");
  return dataset;
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
