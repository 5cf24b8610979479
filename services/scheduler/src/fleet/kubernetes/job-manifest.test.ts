import { describe, expect, test } from "vitest";
import { spec } from "../../test/fleet-conformance.ts";
import { jobManifest, settingsHash, tokenSecret } from "./job-manifest.ts";
import { bytesOf, kubernetesSchema } from "./kubernetes-config.ts";
import { OUTCOME, OWN_IMAGE, SETTINGS_HASH, SPEC_HASH } from "./names.ts";

const digest = `sha256:${"0".repeat(64)}`;
const basic = {
  name: "cpu",
  description: "",
  slots: 1,
  threadsPerSlot: 4,
  image: `trainer@${digest}`,
  resources: { cpu: "4", memory: "16Gi", ephemeralStorage: "30Gi" },
};

function settingsOf(change: object = {}, more: object = {}) {
  const kubernetes = kubernetesSchema.parse({
    namespace: "trainers",
    agentImage: `services@${digest}`,
    classes: [{ ...basic, ...change }],
    ...more,
  });
  return { kubernetes, stopGraceSeconds: 30, podEnvironment: { OTEL_SERVICE_NAME: "agent" } };
}

function manifestOf(change: object = {}, more: object = {}, pod = spec()) {
  const settings = settingsOf(change, more);
  const [hardware] = settings.kubernetes.classes;
  const job = jobManifest(pod, hardware!, settings);
  const template = job.spec!.template.spec!;
  const container = (name: string) => template.containers.find((one) => one.name === name)!;
  return { job, template, agent: container("agent"), engine: container("engine") };
}

describe("jobManifest", () => {
  test("is never tried again, waits for its token and keeps its outcome", () => {
    const { job, template } = manifestOf();
    expect(job.metadata).toMatchObject({ name: "attempt-a-e0", finalizers: [OUTCOME] });
    expect(job.spec).toMatchObject({
      suspend: true,
      backoffLimit: 0,
      parallelism: 1,
      podReplacementPolicy: "Failed",
      ttlSecondsAfterFinished: 600,
    });
    expect(template).toMatchObject({ restartPolicy: "Never", activeDeadlineSeconds: 3_600 });
    expect(job.spec?.activeDeadlineSeconds).toBeGreaterThan(3_600);
  });

  test("the engine gets no token, no address, no variable of ours and nothing of the agent's", () => {
    const { agent, engine, template } = manifestOf();
    expect(JSON.stringify(manifestOf())).not.toContain("secret-token");
    expect(engine.env?.map(({ name }) => name)).toEqual(["HOME", "TMPDIR", "NVIDIA_VISIBLE_DEVICES"]);
    expect(engine.volumeMounts?.map(({ name }) => name)).toEqual(["work", "tmp", "shm"]);
    expect(agent.volumeMounts?.map(({ name }) => name)).toEqual(["work", "private", "token"]);
    expect(engine.securityContext?.runAsUser).not.toBe(agent.securityContext?.runAsUser);
    expect(template).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      shareProcessNamespace: false,
    });
  });

  test("nothing starts before the gate: the services' own program, locked in like the others, with nothing of the agent's", () => {
    const [gate, ...more] = manifestOf().template.initContainers ?? [];
    expect(more).toEqual([]);
    expect(gate).toMatchObject({ name: "gate", image: `services@${digest}` });
    expect(gate?.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect([gate?.env, gate?.volumeMounts]).toEqual([undefined, undefined]);
    expect(manifestOf({}, { networkGate: false }).template.initContainers).toBeUndefined();
    const opened = manifestOf({}, { openDns: true }).template.initContainers?.[0];
    expect(opened?.command).toEqual([...(gate?.command ?? []), "--open-dns"]);
  });

  test("the engine's image is fetched before the agent starts, which would else wait for an engine that cannot come", () => {
    expect(manifestOf().template.containers.map(({ name }) => name)).toEqual(["engine", "agent"]);
  });

  test("a contestant's image trains, and judges nobody", () => {
    const contestantImage = `mine@${digest}`;
    expect(manifestOf({ contestantImage }).engine.image).toBe(contestantImage);
    const image = `registry.example.com/recipe@${digest}`;
    expect(manifestOf({ contestantImage }, {}, { ...spec(), image }).engine.image).toBe(image);
    expect(manifestOf({}, {}, { ...spec(), image }).agent.image).toBe(`services@${digest}`);
    const judged = manifestOf({ contestantImage }, {}, { ...spec(), work: "evaluate", image });
    expect(judged.engine.image).toBe(basic.image);
    const marks = [
      manifestOf({}, {}, { ...spec(), image }),
      judged,
      manifestOf({ contestantImage }),
      manifestOf(),
    ].map(({ job }) => job.metadata?.annotations?.[OWN_IMAGE]);
    expect(marks).toEqual(["true", undefined, undefined, undefined]);
    expect(manifestOf().engine.image).toBe(basic.image);
  });

  test("both containers are locked in, and get exactly what they ask for", () => {
    const { agent, engine, template } = manifestOf();
    for (const { securityContext, resources } of [agent, engine]) {
      expect(securityContext).toMatchObject({
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(resources?.requests).toEqual(resources?.limits);
      expect(Object.keys(resources?.limits ?? {})).toEqual(
        expect.arrayContaining(["cpu", "memory", "ephemeral-storage"]),
      );
    }
    const folders = template.volumes?.filter(({ emptyDir }) => emptyDir) ?? [];
    expect(folders).toHaveLength(4);
    expect(folders.every(({ emptyDir }) => emptyDir?.sizeLimit !== undefined)).toBe(true);
  });

  test("devices, by name or by claim, are the engine's alone", () => {
    const resources = { ...basic.resources, gpu: { name: "nvidia.com/mig-1g.10gb", count: 2 } };
    const plain = manifestOf({ resources });
    expect(plain.engine.resources?.limits).toMatchObject({ "nvidia.com/mig-1g.10gb": "2" });
    expect(plain.engine.env?.map(({ name }) => name)).not.toContain("NVIDIA_VISIBLE_DEVICES");
    const claimed = manifestOf({ resources: { ...basic.resources, claim: "one-h100" } });
    expect(claimed.template.resourceClaims).toEqual([{ name: "gpu", resourceClaimTemplateName: "one-h100" }]);
    expect(claimed.engine.resources?.claims).toEqual([{ name: "gpu" }]);
    expect(claimed.agent.resources?.claims).toBeUndefined();
  });

  test("the class decides where it runs and under what", () => {
    const tolerations = [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }];
    const { template } = manifestOf(
      { nodeSelector: { gpu: "h100" }, tolerations, runtimeClassName: "kata", shmSize: "8Gi" },
      { userNamespaces: true, serviceAccount: "other" },
    );
    expect(template).toMatchObject({
      nodeSelector: { gpu: "h100" },
      tolerations,
      runtimeClassName: "kata",
      hostUsers: false,
      serviceAccountName: "other",
    });
    expect(template.volumes).toContainEqual({
      name: "shm",
      emptyDir: { medium: "Memory", sizeLimit: "8Gi" },
    });
  });

  test("its hash tells other settings, not another try", () => {
    const hash = (...args: Parameters<typeof manifestOf>) =>
      manifestOf(...args).job.metadata?.annotations?.[SPEC_HASH];
    expect(hash({}, {}, { ...spec(), traceparent: "00-1-2-01", token: "other" })).toBe(hash());
    expect(hash({ shmSize: "1Gi" })).not.toBe(hash());
    expect(hash({}, {}, { ...spec(), maxSeconds: 7 })).not.toBe(hash());
    expect(hash({}, {}, { ...spec(), image: `r.example.com/a@${digest}` })).not.toBe(hash());
  });

  test("the hash of its settings is the same for all attempts of a class", () => {
    const hash = (...args: Parameters<typeof manifestOf>) =>
      manifestOf(...args).job.metadata?.annotations?.[SETTINGS_HASH];
    const settings = settingsOf();
    expect(hash()).toBe(settingsHash(settings.kubernetes.classes[0]!, settings));
    expect(hash({}, {}, { ...spec("b", 7), maxSeconds: 7, work: "evaluate" })).toBe(hash());
    expect(hash({ image: `newer@${digest}` })).not.toBe(hash());
    expect(hash({}, { networkGate: false })).not.toBe(hash());
    expect(hash({}, { openDns: true })).not.toBe(hash());
  });
});

test("the token leaves with its Job and cannot be changed", () => {
  const secret = tokenSecret(spec(), "uid-1");
  expect(secret.metadata?.ownerReferences).toMatchObject([{ kind: "Job", name: spec().name, uid: "uid-1" }]);
  expect(secret.immutable).toBe(true);
  expect(Buffer.from(secret.data?.["token"] ?? "", "base64").toString()).toBe("secret-token");
});

test.each([
  [{ resources: { ...basic.resources, ephemeralStorage: "10Gi" } }, /must hold workSize and tmpSize/],
  [{ shmSize: "16Gi" }, /must exceed shmSize/],
  [{ resources: { ...basic.resources, claim: "c", gpu: { name: "g", count: 1 } } }, /not both/],
  [{ resources: { ...basic.resources, memory: "lots" } }, /a size such as/],
  [{ shmsize: "1Gi" }, /shmsize/],
])("a class that cannot work is refused: %j", (change, expected) => {
  expect(() => settingsOf(change)).toThrow(expected);
});

test("quantities are bytes", () => {
  expect(["1", "2k", "1.5Gi", "3M", "x"].map(bytesOf)).toEqual([
    1,
    2_000,
    1.5 * 2 ** 30,
    3_000_000,
    Number.NaN,
  ]);
});
