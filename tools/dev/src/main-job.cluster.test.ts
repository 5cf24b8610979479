import { foreignCluster } from "@gradients/cluster/testing/foreign-cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeAttacks } from "./testing/describe-attacks.ts";
import { describeFaults } from "./testing/describe-faults.ts";
import { expectPayment, expectRace, expectResult, follow } from "./testing/main-job.ts";
import { expectNothingLeft, openProduct, type Product } from "./testing/product.ts";
import { productProblem } from "./testing/product-problem.ts";

const problem = productProblem();
const MINUTE = 60_000;

describe.skipIf(problem !== undefined)(`the product in Kubernetes${problem ? ` (${problem})` : ""}`, () => {
  let product: Product;

  beforeAll(async () => {
    product = await openProduct();
  }, 20 * MINUTE);

  afterAll(() => product?.[Symbol.asyncDispose](), 5 * MINUTE);

  it(
    "takes a job through the Service, races it in pods, scores it in pods, proves it and pays for it",
    async () => {
      const { gateway, chain, installation } = product;
      const order = { model: installation.models.real, budgetSeconds: 40 };
      const { job, points } = await follow(gateway, await product.createJob(order));
      expectRace(job, points);
      const best = job.verdict?.ranking.find(({ attemptId }) => attemptId === job.verdict?.winnerAttemptId);
      expect(best?.gainOverBase?.low).toBeGreaterThan(0);
      await expectResult(gateway, job);
      await expectPayment(chain, job);
      await expectNothingLeft();
    },
    20 * MINUTE,
  );

  // They strike at the node itself.
  const isOwn = foreignCluster() === undefined;
  if (isOwn) describeAttacks(() => product);
  if (isOwn) describeFaults(() => product);
});
