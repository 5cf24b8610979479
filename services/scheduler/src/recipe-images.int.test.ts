import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SchedulerService } from "@gradients/contracts/scheduler";
import { createRpcClient } from "@gradients/rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hardwareClass } from "./test/cluster-ground.ts";
import { type ClusterWorld, createClusterWorld, eventually } from "./test/cluster-world.ts";

const image = `registry.example.com/miners/fast@sha256:${"1".repeat(64)}`;
const TIMEOUT = 60_000;

let folder: string;
let cluster: ClusterWorld;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gradients-recipes-"));
  cluster = await createClusterWorld({
    SCHEDULER_RECIPES_FILE: await catalogue("allowed", image),
    SCHEDULER_RECIPES_IMAGE_REGISTRIES: "registry.example.com/miners",
  });
}, TIMEOUT);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}, TIMEOUT);

/** The plain recipe, and one with that image. */
async function catalogue(name: string, ownImage: string): Promise<string> {
  const plain = { title: "Plain", summary: "LoRA.", method: "lora", settings: {} };
  const file = join(folder, `${name}.json`);
  const own = { ...plain, id: "own", title: "Own", image: ownImage };
  await writeFile(file, JSON.stringify([{ ...plain, id: "plain", default: true }, own]));
  return file;
}

test("the image of a recipe reaches its attempt's pod, and no other; everyone can read what it is", {
  timeout: TIMEOUT,
}, async () => {
  const { grpc } = await cluster.start();
  const scheduler = createRpcClient(SchedulerService, { target: grpc, defaultDeadlineMs: 5_000 });
  const { recipes } = await scheduler.listRecipes({});
  expect(recipes.map((recipe) => recipe.image)).toEqual(["", image]);
  const jobId = await cluster.world.openJob({ contestants: 2 });
  const attempts = await eventually(() => cluster.attemptsOf(jobId), { length: 2 });
  await eventually(() => cluster.jobNames(), { length: 2 });
  const images = attempts.map(async ({ attemptId, recipeId }) => [
    recipeId,
    await cluster.ground.engineImage?.(`attempt-${attemptId}-e0`),
  ]);
  expect(Object.fromEntries(await Promise.all(images))).toEqual({ plain: hardwareClass.image, own: image });
  scheduler.close();
});

test.each([
  ["IMAGE_NOT_PINNED", "registry.example.com/miners/fast:latest", {}],
  ["IMAGE_REGISTRY_NOT_ALLOWED", image.replace("miners", "others"), {}],
  ["IMAGES_NOT_RUN_HERE", image, { SCHEDULER_FLEET_KIND: "local" }],
])("a scheduler with a recipe that it must not run does not start: %s", async (code, refused, fleet) => {
  const env = { ...cluster.env, ...fleet, SCHEDULER_RECIPES_FILE: await catalogue(code, refused) };
  await expect(cluster.world.startScheduler(env)).rejects.toMatchObject({
    code,
    exitCode: 78,
    message: expect.stringContaining("The recipe own of"),
  });
});
