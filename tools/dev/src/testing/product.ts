import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kubectl } from "@gradients/cluster/testing";
import { Dataset_State } from "@gradients/contracts/gateway";
import { expect } from "vitest";
import { paths } from "../../../setup/paths.mjs";
import { untilChecked } from "../dataset-upload.ts";
import { type Installation, installGradients } from "./installation.ts";
import { type Chain, chainClient, type Gateway, gatewayClient, uploadFile } from "./main-job.ts";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";

interface Order {
  readonly model: string;
  readonly budgetSeconds: number;
  readonly contestants?: number;
  readonly recipes?: readonly string[];
  readonly hardwareClass?: string;
  readonly dataset?: string;
}

/** One installation for all tests of the product in a cluster, as a customer has it. */
export interface Product extends AsyncDisposable {
  readonly installation: Installation;
  readonly gateway: Gateway;
  readonly chain: Chain;
  /** Returns the job's name. */
  createJob(order: Order): Promise<string>;
  /** A data set of its own; returns its name. */
  upload(rows: readonly object[]): Promise<string>;
}

export async function openProduct(): Promise<Product> {
  await using cleanup = new AsyncDisposableStack();
  const installation = cleanup.use(await installGradients({ hostile: true }));
  const gateway = gatewayClient(await installation.door("gateway"), installation.apiKey);
  cleanup.defer(() => gateway.close());
  const chain = chainClient(await installation.door("chain-bridge"));
  cleanup.defer(() => chain.close());
  const { project } = await gateway.getCaller({});
  const uploadChecked = async (file: string) => {
    const uploaded = await untilChecked(gateway, await uploadFile(gateway, project, file));
    expect(uploaded.state).toBe(Dataset_State.READY);
    return uploaded.name;
  };
  const common = await uploadChecked(paths.dataset);
  const owned = cleanup.move();
  return {
    installation,
    gateway,
    chain,
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
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Of the default recipe: the catalogue has hostile ones as well. */
const rivals = ["recipes/lora-top", "recipes/full-top"];

/** Pods, Jobs and tokens of a job leave with it. */
export async function expectNothingLeft(): Promise<void> {
  const left = () =>
    kubectl("get", "jobs,pods,secrets", "--namespace", TRAINERS_NAMESPACE, "--output", "name");
  await expect.poll(left, { timeout: 120_000, interval: 500 }).toBe("");
}

/** Of a service's own rows, by its own verb. */
export async function expectInvariants(service: string): Promise<void> {
  const program = ["node", `services/${service}/src/main.ts`, "invariants"];
  const pod = [
    "exec",
    "--namespace",
    SERVICES_NAMESPACE,
    `deployment/gradients-${service}`,
    "--",
    ...program,
  ];
  expect(await kubectl(...pod)).toMatch(/(\d+) of \1 invariants hold/);
}
