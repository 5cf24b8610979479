import { type Job, Job_State } from "@gradients/contracts/gateway";
import { expect } from "vitest";
import type { Customer } from "./customer.ts";
import { follow } from "./main-job.ts";
import { expectInvariants, expectNothingLeft } from "./product.ts";
import { runningPods } from "./running-pods.ts";

/** Two attempts, so that their evaluations and the base model's fit on the node side by side. */
export const smallRace = { budgetSeconds: 8, contestants: 2, recipes: ["recipes/lora-top"] } as const;

export async function untilRacing(): Promise<void> {
  const running = async () => (await runningPods()).length;
  await expect.poll(running, { timeout: 300_000, interval: 200 }).toBe(smallRace.contestants);
}

/** The race is decided, its pods are gone, and the scheduler's own rows agree. */
export async function expectVerdict({ gateway }: Customer, name: string): Promise<Job> {
  const { job } = await follow(gateway, name);
  expect(job.failure).toBeUndefined();
  expect(job.state).toBe(Job_State.SUCCEEDED);
  expect(job.verdict?.ranking).toHaveLength(smallRace.contestants);
  await expectNothingLeft();
  await expectInvariants("scheduler");
  return job;
}
