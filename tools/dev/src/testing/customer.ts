import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Dataset_State } from "@gradients/contracts/gateway";
import { expect } from "vitest";
import { paths } from "../../../setup/paths.mjs";
import { untilChecked } from "../dataset-upload.ts";
import { type Gateway, uploadFile } from "./main-job.ts";

interface Order {
  readonly model: string;
  readonly budgetSeconds: number;
  readonly contestants?: number;
  readonly recipes?: readonly string[];
  readonly hardwareClass?: string;
  readonly dataset?: string;
}

/** Whoever has the installation's first API key. */
export interface Customer {
  readonly gateway: Gateway;
  /** On the sample data set unless it names one. Returns the job's name. */
  createJob(order: Order): Promise<string>;
  /** A data set of its own; returns its name. */
  upload(rows: readonly object[]): Promise<string>;
}

export async function openCustomer(gateway: Gateway): Promise<Customer> {
  const { project } = await gateway.getCaller({});
  const uploadChecked = async (file: string) => {
    const uploaded = await untilChecked(gateway, await uploadFile(gateway, project, file));
    expect(uploaded.state).toBe(Dataset_State.READY);
    return uploaded.name;
  };
  const common = await uploadChecked(paths.dataset);
  return {
    gateway,
    createJob: async ({ dataset = common, recipes = rivals, contestants = 3, ...rest }) => {
      const order = { ...rest, dataset, contestants, recipes: [...recipes] };
      const { job } = await gateway.createJob({
        parent: project,
        requestId: crypto.randomUUID(),
        job: order,
      });
      return job?.name ?? "";
    },
    upload: async (rows) => {
      const folder = await mkdtemp(join(paths.scratch, "gradients-rows-"));
      const file = join(folder, "rows.jsonl");
      await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      const name = await uploadChecked(file);
      await rm(folder, { recursive: true });
      return name;
    },
  };
}

/** Of the default recipe: the catalogue may have hostile ones as well. */
const rivals = ["recipes/lora-top", "recipes/full-top"];
