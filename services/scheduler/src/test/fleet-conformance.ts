import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { GpuFleet, PodPhase, PodSpec } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";

/** How pods that start from now on behave: end when they are asked to (75), never end by themselves, or end at once (3). */
export type Behaviour = "polite" | "stubborn" | "crash";

/** Ground on which fleets stand: a folder, a cluster. */
export interface FleetGround extends AsyncDisposable {
  /** Another fleet on the same ground: an heir of those before. */
  open(): Promise<GpuFleet>;
  behave(behaviour: Behaviour): void;
  /** The token that the pod's agent reads, once its program runs. */
  tokenOf(name: string): Promise<string>;
  /** Whether anything of the pod still runs. */
  isAlive(name: string): Promise<boolean>;
  /** Image that the pod's engine runs; absent where pods run no images. */
  engineImage?(name: string): Promise<string | undefined>;
  /** Whatever is still there of any pod. */
  leftovers(): Promise<readonly string[]>;
}

const never = new AbortController().signal;
const PATIENCE = { timeout: 20_000, interval: 50 };

/** What every adapter of the port does, whatever it stands on. */
export function describeFleet(name: string, prepare: () => Promise<FleetGround>, timeout = 60_000): void {
  describe(`fleet: ${name}`, { timeout }, () => {
    let ground: FleetGround;
    let fleets: GpuFleet[];

    beforeEach(async () => {
      ground = await prepare();
      fleets = [];
    }, timeout);

    afterEach(async () => {
      await fleets[0]?.close({ stopPods: true });
      for (const fleet of fleets.slice(1)) await fleet.close({ stopPods: false });
      await ground[Symbol.asyncDispose]();
    }, timeout);

    const open = async () => {
      const fleet = await ground.open();
      fleets.push(fleet);
      return fleet;
    };
    const reaches = (fleet: GpuFleet, pod: PodSpec, phase: Partial<PodPhase>) =>
      vi.waitFor(async () => expect(await phaseOf(fleet, pod)).toMatchObject(phase), PATIENCE);

    test("starts a pod of one name only once, with the token of the first", async () => {
      const fleet = await open();
      expect(await fleet.start(spec(), never)).toBe("started");
      expect(await fleet.start({ ...spec(), token: "another" }, never)).toBe("exists");
      expect(await (await open()).start({ ...spec(), token: "third" }, never)).toBe("exists");
      expect(await ground.tokenOf(spec().name)).toBe("secret-token");
      await reaches(fleet, spec(), { kind: "running" });
    });

    test("lists a pod from the moment on that it was started", async () => {
      const fleet = await open();
      await fleet.start(spec("a", 3), never);
      const listed = await fleet.list(never);
      expect(listed).toMatchObject([
        { name: "attempt-a-e3", attemptId: "a", epoch: 3, hardwareClass: "cpu" },
      ]);
    });

    test("trains with the image that a recipe brings, or refuses it in words where no images run", async () => {
      const fleet = await open();
      const image = `registry.example.com/mine@sha256:${"1".repeat(64)}`;
      const starting = fleet.start({ ...spec(), image }, never);
      if (ground.engineImage) {
        expect(await starting).toBe("started");
        await reaches(fleet, spec(), { kind: "running" });
        expect(await ground.engineImage(spec().name)).toBe(image);
      } else {
        await expect(starting).rejects.toMatchObject({
          name: "PodRefused",
          reason: "refused",
          message: expect.stringContaining("run no image"),
        });
        expect(await ground.leftovers()).toEqual([]);
      }
    });

    test("an heir finds, stops and removes what an earlier fleet started", async () => {
      await (await open()).start(spec(), never);
      await ground.tokenOf(spec().name);
      const heir = await open();
      await reaches(heir, spec(), { kind: "running" });
      await heir.stop(spec().name, 10);
      await reaches(heir, spec(), { kind: "ended", cause: "exited" });
      await heir.remove(spec().name);
      await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), PATIENCE);
      expect(await heir.list(never)).toEqual([]);
      expect(await ground.isAlive(spec().name)).toBe(false);
    });

    test("kills a pod that does not stop in its grace, and not before; asking again does not extend it", async () => {
      ground.behave("stubborn");
      const fleet = await open();
      await fleet.start(spec(), never);
      await ground.tokenOf(spec().name);
      await reaches(fleet, spec(), { kind: "running" });
      const askedAt = Date.now();
      await fleet.stop(spec().name, 2);
      await reaches(fleet, spec(), { kind: "stopping" });
      expect(Date.now() - askedAt).toBeLessThan(2_000);
      expect(await ground.isAlive(spec().name)).toBe(true);
      await vi.waitFor(async () => {
        await fleet.stop(spec().name, 60);
        expect(await phaseOf(fleet, spec())).toMatchObject({ kind: "ended" });
      }, PATIENCE);
      expect(Date.now() - askedAt).toBeGreaterThanOrEqual(1_900);
      expect(await ground.isAlive(spec().name)).toBe(false);
    });

    test("tells the exit code of a pod that ends by itself, and rings", async () => {
      ground.behave("crash");
      const fleet = await open();
      let rings = 0;
      const listening = new AbortController();
      fleet.watch(() => rings++, listening.signal);
      await fleet.start(spec(), never);
      await reaches(fleet, spec(), { kind: "ended", cause: "exited", exitCode: 3 });
      await vi.waitFor(() => expect(rings).toBeGreaterThan(0), PATIENCE);
      listening.abort();
    });

    test("keeps the outcome of an ended pod until it is removed, and removes as often as asked", async () => {
      ground.behave("crash");
      const fleet = await open();
      await fleet.start(spec(), never);
      await reaches(fleet, spec(), { kind: "ended" });
      expect(await fleet.start(spec(), never)).toBe("exists");
      await fleet.remove(spec().name);
      await fleet.remove(spec().name);
      await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), PATIENCE);
    });

    test("ends a pod whose time is over though nobody asks", async () => {
      const fleet = await open();
      await fleet.start({ ...spec(), maxSeconds: 2 }, never);
      await reaches(fleet, spec(), { kind: "running" });
      await reaches(fleet, spec(), { kind: "ended", cause: "deadline" });
      await vi.waitFor(async () => expect(await ground.isAlive(spec().name)).toBe(false), PATIENCE);
    });

    test("knows nothing of pods that never were", async () => {
      const fleet = await open();
      await fleet.stop("attempt-none-e0", 1);
      await fleet.remove("attempt-none-e0");
      expect(await fleet.list(never)).toEqual([]);
    });

    test("close leaves all pods, or none, as it is told", async () => {
      const first = await open();
      await first.start(spec("a"), never);
      await first.start(spec("b"), never);
      for (const name of ["attempt-a-e0", "attempt-b-e0"]) await ground.tokenOf(name);
      await reaches(first, spec("b"), { kind: "running" });
      await first.close({ stopPods: false });
      expect(await ground.isAlive("attempt-a-e0")).toBe(true);
      fleets = [];
      const heir = await open();
      await heir.close({ stopPods: true });
      fleets = [];
      await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), PATIENCE);
      expect(await ground.isAlive("attempt-b-e0")).toBe(false);
    });
  });
}

export function spec(attemptId = "a", epoch = 0): PodSpec {
  return {
    name: podName(attemptId, epoch),
    attemptId,
    jobId: "job",
    epoch,
    hardwareClass: "cpu",
    relayTarget: "127.0.0.1:1",
    traceparent: null,
    token: "secret-token",
    maxSeconds: 3_600,
    work: "train",
    image: null,
  };
}

async function phaseOf(fleet: GpuFleet, pod: PodSpec): Promise<PodPhase | undefined> {
  return (await fleet.list(never)).find(({ name }) => name === pod.name)?.phase;
}
