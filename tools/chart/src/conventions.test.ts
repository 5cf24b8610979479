import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { loadServiceConfig, serviceNames, serviceVariables } from "./service-variables.ts";
import {
  chartFolder,
  containersOf,
  filesOf,
  find,
  hasHelm,
  ofKind,
  podsOf,
  render,
  runHelm,
  valuesNames,
} from "./testing/render.ts";
import { serviceEnvironment } from "./testing/service-environment.ts";

describe.skipIf(!hasHelm)("each set of values", { timeout: 30_000 }, () => {
  test.each(valuesNames)("%s passes helm lint", async (values) => {
    const files = filesOf(values).flatMap((file) => ["-f", `${chartFolder}${file}`]);
    await runHelm(["lint", "--strict", "--kube-version", "1.36.3", chartFolder, ...files]);
  });

  test.each(valuesNames)("%s makes pods that fit the restricted standard, without tokens", async (values) => {
    const pods = podsOf(await render({ values }));
    expect(pods.length).toBeGreaterThan(2);
    for (const pod of pods) {
      const { spec, owner } = pod;
      expect(spec.securityContext, owner).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(spec.automountServiceAccountToken, owner).toBe(false);
      for (const container of containersOf(pod).filter(({ image }) => !image.startsWith("example.org/")))
        expect(container.securityContext, `${owner} ${container.name}`).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
    }
  });

  test.each(valuesNames)(
    "%s gives each service what it needs and nothing that it does not know",
    async (values) => {
      const objects = await render({ values });
      const running = new Set(podsOf(objects).map(({ component }) => component));
      for (const service of serviceNames.filter((name) => running.has(name))) {
        const env = serviceEnvironment(objects, service);
        const known = serviceVariables(service).map(({ name }) => name);
        expect(
          Object.keys(env).filter((name) => !known.includes(name)),
          service,
        ).toEqual([]);
        expect(() => loadServiceConfig(service, env), service).not.toThrow();
      }
    },
  );

  test.each(valuesNames)("%s selects pods by labels that they have, and no pod twice", async (values) => {
    const objects = await render({ values });
    const pods = objects.flatMap(({ kind, spec }) =>
      kind === "Deployment" ? [spec.template.metadata.labels] : [],
    );
    for (const { metadata, spec } of ofKind(objects, "Deployment")) {
      const matching = pods.filter((labels) =>
        Object.entries(spec.selector.matchLabels).every(([key, value]) => labels[key] === value),
      );
      expect(matching.length, metadata.name).toBe(1);
    }
  });
});

describe.skipIf(!hasHelm)("what charts are complained about", { timeout: 30_000 }, () => {
  test("a hook that needs what is no hook yet: migrations use nothing that the chart makes", async () => {
    const objects = await render({ over: { migrations: { hook: true } } });
    const { spec } = ofKind(objects, "Job")[0]?.spec.template ?? {};
    expect(spec.serviceAccountName).toBeUndefined();
    const made = new Set(
      objects
        .filter(({ kind }) => ["Secret", "ConfigMap"].includes(kind))
        .map(({ metadata }) => metadata.name),
    );
    const used = JSON.stringify(spec.volumes).match(/"name":"[^"]+"/g) ?? [];
    for (const reference of used) expect(made.has(reference.slice(8, -1)), reference).toBe(false);
  });

  test("Job immutability: what it runs is part of its name", async () => {
    const jobName = async (over: object) => ofKind(await render({ over }), "Job")[0]?.metadata.name;
    const digest = `sha256:${"3".repeat(64)}`;
    expect(await jobName({})).toBe(await jobName({ gateway: { replicas: 4 } }));
    expect(await jobName({})).not.toBe(await jobName({ image: { digest } }));
    expect(await jobName({})).not.toBe(await jobName({ commonLabels: { a: "b" } }));
  });

  test("Secrets made anew at each upgrade: two renderings are the same", async () => {
    expect(await render({ values: "dev" })).toEqual(await render({ values: "dev" }));
  });

  test("Secrets and passwords in the release: only for development", async () => {
    for (const values of valuesNames.filter((name) => name !== "dev"))
      expect(ofKind(await render({ values }), "Secret"), values).toEqual([]);
  });

  test("no CRDs, no Bitnami, no latest", async () => {
    for (const values of valuesNames) {
      const text = JSON.stringify(await render({ values }));
      expect(text).not.toMatch(/CustomResourceDefinition|bitnami|:latest"/i);
    }
  });

  test("air-gapped: every image comes from the registry that was given", async () => {
    for (const values of ["air-gapped", "dev"] as const) {
      const objects = await render({ values, over: { imageRegistry: "registry.internal:5000" } });
      const images = podsOf(objects).flatMap((pod) => containersOf(pod).map(({ image }) => image as string));
      expect(images.filter((image) => !image.startsWith("registry.internal:5000/"))).toEqual([]);
    }
  });

  test("liveness is about the process alone, by gRPC's health service", async () => {
    for (const { metadata, spec } of ofKind(await render(), "Deployment")) {
      const [{ livenessProbe, readinessProbe }] = spec.template.spec.containers;
      expect(livenessProbe.grpc, metadata.name).toEqual(readinessProbe.grpc);
      expect(livenessProbe.failureThreshold * livenessProbe.periodSeconds).toBeGreaterThanOrEqual(60);
    }
  });

  test("a pod is not killed before it has stopped in good order", async () => {
    const objects = await render();
    const grace = (name: string) =>
      find(objects, "Deployment", `gradients-${name}`).spec.template.spec
        .terminationGracePeriodSeconds as number;
    for (const name of ["gateway", "scorer", "chain-bridge"]) expect(grace(name)).toBeGreaterThan(5 + 25);
    expect(grace("scheduler")).toBeGreaterThan(5 + 30 + 15);
  });

  test("long release names still fit", async () => {
    const objects = await render({ release: "a".repeat(53) });
    const limited = objects.filter(({ kind }) => !kind.startsWith("ValidatingAdmissionPolicy"));
    const names = limited.map(({ metadata }) => metadata.name);
    expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(63);
  });
});

test.skipIf(!hasHelm)("the package holds the values that its README tells to use", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gradients-package-"));
  try {
    await runHelm(["package", chartFolder, "--destination", folder]);
    const archive = join(folder, readdirSync(folder)[0] ?? "");
    const { stdout } = await promisify(execFile)("tar", ["--list", "--file", archive]);
    const used = [...readFileSync(`${chartFolder}README.md`, "utf8").matchAll(/-f deploy\/helm\/(\S+)/g)];
    expect(used.map(([, file]) => file)).toEqual(["gradients/values-dev.yaml"]);
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(used.map(([, file]) => file)));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the notes tell where the image's own program is", () => {
  expect(readFileSync(`${chartFolder}templates/NOTES.txt`, "utf8")).toContain(
    "services/gateway/src/main.ts models add",
  );
});
