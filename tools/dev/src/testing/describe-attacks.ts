import { kubectl } from "@gradients/cluster/testing";
import { Attempt_State, type Job, Job_State } from "@gradients/contracts/gateway";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addOutcomes, printTable, sandboxRows, triesIn } from "./attack-report.ts";
import { findTargets, reachedByOthers, surroundings } from "./attack-targets.ts";
import { type AttackName, attacks, recipeOf } from "./attacks.ts";
import { type EngineLogs, followEngines } from "./engine-logs.ts";
import { follow } from "./main-job.ts";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";
import { applied } from "./passing-objects.ts";
import { expectNothingLeft, type Product } from "./product.ts";

const MINUTE = 60_000;
/** Closed to everybody by policies of their own, so that nobody can show that they are there. */
const CLOSED_TO_ALL = ["scheduler-grpc", "scorer", "chain-bridge"];
const ROWS = 120;

/** docs/sandbox.md says what is tried and what holds. Each attack runs as a contestant in a real attempt. */
export function describeAttacks(product: () => Product): void {
  describe("a contestant that means harm", () => {
    let around: AsyncDisposable;
    let logs: EngineLogs;
    let dataset: string;
    let servicesBefore: string;
    const ended: Job[] = [];

    beforeAll(async () => {
      around = await applied(...surroundings);
      const targets = await findTargets(product().installation);
      const open = Object.entries(targets.tcp).filter(([name]) => !CLOSED_TO_ALL.includes(name));
      const addresses = [...open.map(([, address]) => address), targets.objects];
      expect(await reachedByOthers(addresses)).toEqual(addresses);
      const output = JSON.stringify(targets);
      const rows = Array.from({ length: ROWS }, (_, row) => ({ instruction: `Row ${row}`, output }));
      dataset = await product().upload(rows);
      servicesBefore = await startsOfServices();
      logs = followEngines();
    }, 5 * MINUTE);

    afterAll(async () => {
      await logs?.[Symbol.asyncDispose]();
      await around?.[Symbol.asyncDispose]();
    }, MINUTE);

    const attack = (hardwareClass: string, ...names: readonly AttackName[]) =>
      product().createJob({
        model: product().installation.models.tiny,
        budgetSeconds: 12,
        dataset,
        hardwareClass,
        contestants: names.length + 1,
        recipes: names.map(recipeOf),
      });
    const finish = async (name: string) => (await follow(product().gateway, name)).job;

    it(
      "takes no more than its share, and an honest race beside it goes on",
      async () => {
        const hostile = await attack(
          "attacked",
          "look-around",
          "fill-work",
          "fill-tmp",
          "eat-memory",
          "fork-bomb",
        );
        const { tiny: model } = product().installation.models;
        const honest = await product().createJob({ model, budgetSeconds: 12, contestants: 1, recipes: [] });
        const [job, beside] = await Promise.all([finish(hostile), finish(honest)]);
        ended.push(job);
        expectAllFailed(job);
        expect(beside.state).toBe(Job_State.SUCCEEDED);
      },
      15 * MINUTE,
    );

    it(
      "gets no forged figure and no forged artifact past the agent",
      async () => {
        const job = await finish(
          await attack(
            "attacked",
            "forge-progress",
            "forge-digest",
            "forge-link",
            "forge-size",
            "forge-pickle",
          ),
        );
        ended.push(job);
        expectAllFailed(job);
      },
      15 * MINUTE,
    );

    it(
      "is judged by the platform's own program, and ended though it ignores every signal",
      async () => {
        const judged = await attack("judged", "forge-weights");
        const stubborn = await attack("attacked", "ignore-signals");
        await expect.poll(() => triesIn(logs).has("end/ignore"), { timeout: 5 * MINUTE }).toBe(true);
        const cancelledAt = Date.now();
        await product().gateway.cancelJob({ name: stubborn });
        await expect.poll(() => podsOf(stubborn), { timeout: MINUTE, interval: 200 }).toBe("");
        const seconds = Math.round((Date.now() - cancelledAt) / 1000);
        logs.note("end/ignore", `its pod is gone ${seconds} s after the job was cancelled`);
        const job = await finish(judged);
        ended.push(job);
        expect(job.state).toBe(Job_State.FAILED);
        logs.note("artifact/weights", `${job.failure?.code}: ${job.failure?.message}`);
      },
      15 * MINUTE,
    );

    it(
      "has tried all that docs/sandbox.md lists and got through nowhere; no service was started anew",
      async () => {
        const rows = await sandboxRows();
        const tries = triesIn(logs);
        addOutcomes(tries, ended);
        printTable(rows, tries);
        expect([...tries.keys()].toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
        expect([...tries].filter(([, { gotThrough }]) => gotThrough)).toEqual([]);
        expect(await startsOfServices()).toBe(servicesBefore);
        await expectNothingLeft();
      },
      3 * MINUTE,
    );
  });
}

/** Each in the way that its attack has to end; the default recipe has talked rubbish. */
function expectAllFailed(job: Job): void {
  expect(job.state).toBe(Job_State.FAILED);
  const found = job.attempts.map(({ recipe, state, failure }) => [recipe, state, failure?.code]);
  const wanted = job.attempts.map(({ recipe }) => {
    const name = recipe.replace("recipes/", "");
    return [recipe, Attempt_State.FAILED, codes[name] ?? "SPEC_INVALID"];
  });
  expect(found).toEqual(wanted);
}

const codes: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(attacks).flatMap(([name, { code }]) => (code === undefined ? [] : [[name, code]])),
);

/** Of the job, by its name. */
function podsOf(job: string): Promise<string> {
  const selector = `gradients.io/job=${job.split("/").at(-1)}`;
  return kubectl(
    "get",
    "pods",
    "--namespace",
    TRAINERS_NAMESPACE,
    "--selector",
    selector,
    "--output",
    "name",
  );
}

/** Which pods the services have, and how often their containers were started. */
function startsOfServices(): Promise<string> {
  const starts = "{range .items[*]}{.metadata.name} {.status.containerStatuses[*].restartCount}{'\\n'}{end}";
  return kubectl("get", "pods", "--namespace", SERVICES_NAMESPACE, "--output", `jsonpath=${starts}`);
}
