import { clusterProblem } from "@gradients/cluster";
import { kubectl } from "@gradients/cluster/testing";
import { Dataset_State, Job_State } from "@gradients/contracts/gateway";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paths } from "../../setup/paths.mjs";
import { untilChecked } from "./dataset-upload.ts";
import { type ClusterFault, clusterFaults, runningPods } from "./testing/cluster-faults.ts";
import { type Installation, installGradients, TRAINERS_NAMESPACE } from "./testing/installation.ts";
import {
  type Chain,
  chainClient,
  expectPayment,
  expectRace,
  expectResult,
  follow,
  type Gateway,
  gatewayClient,
  uploadFile,
} from "./testing/main-job.ts";

const problem = clusterProblem("node");
const MINUTE = 60_000;

describe.skipIf(problem !== undefined)(`the product in Kubernetes${problem ? ` (${problem})` : ""}`, () => {
  let installation: Installation;
  let gateway: Gateway;
  let chain: Chain;
  let project: string;
  let dataset: string;

  beforeAll(async () => {
    installation = await installGradients();
    gateway = gatewayClient(await installation.door("gateway"), installation.apiKey);
    chain = chainClient(await installation.door("chain-bridge"));
    ({ project } = await gateway.getCaller({}));
    const uploaded = await untilChecked(gateway, await uploadFile(gateway, project, paths.dataset));
    expect(uploaded.state).toBe(Dataset_State.READY);
    dataset = uploaded.name;
  }, 20 * MINUTE);

  afterAll(async () => {
    gateway?.close();
    chain?.close();
    await installation?.[Symbol.asyncDispose]();
  }, 5 * MINUTE);

  const createJob = async (model: string, budgetSeconds: number) => {
    const order = { model, dataset, contestants: 3, budgetSeconds };
    const { job } = await gateway.createJob({ parent: project, requestId: crypto.randomUUID(), job: order });
    return job?.name ?? "";
  };

  it(
    "takes a job through the Service, races it in pods, scores it in pods, proves it and pays for it",
    async () => {
      const { job, points } = await follow(gateway, await createJob(installation.models.real, 60));
      expectRace(job, points);
      const best = job.verdict?.ranking.find(({ attemptId }) => attemptId === job.verdict?.winnerAttemptId);
      expect(best?.gainOverBase?.low).toBeGreaterThan(0);
      await expectResult(gateway, job);
      await expectPayment(chain, job);
      await expectNothingLeft();
    },
    20 * MINUTE,
  );

  it.each<[string, ClusterFault]>(Object.entries(clusterFaults))(
    "loses, doubles and leaves nothing when %s",
    async (_name, strike) => {
      const name = await createJob(installation.models.tiny, 20);
      await untilRacing();
      await strike(installation);
      const { job } = await follow(gateway, name);
      expect(job.failure).toBeUndefined();
      expect(job.state).toBe(Job_State.SUCCEEDED);
      expect(job.verdict?.ranking).toHaveLength(3);
      await expectNothingLeft();
    },
    10 * MINUTE,
  );
});

async function untilRacing(): Promise<void> {
  const running = async () => (await runningPods()).length;
  await expect.poll(running, { timeout: 2 * MINUTE, interval: 200 }).toBe(3);
}

/** Pods, Jobs and tokens of a job leave with it. */
async function expectNothingLeft(): Promise<void> {
  const left = () =>
    kubectl("get", "jobs,pods,secrets", "--namespace", TRAINERS_NAMESPACE, "--output", "name");
  await expect.poll(left, { timeout: 2 * MINUTE, interval: 500 }).toBe("");
}
