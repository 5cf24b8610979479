import { join } from "node:path";
import { loadArchives, up } from "@gradients/cluster";
import { helm, kubectl, kubectlLines } from "@gradients/cluster/testing";
import { buildImage } from "@gradients/images";
import { expect } from "vitest";
import {
  type DevelopmentImages,
  developmentImages,
  developmentValues,
  MODEL_FOLDER,
  OBJECTS_PORT,
} from "./development-values.ts";
import { type ForwardedPort, forwardPort } from "./forward-port.ts";
import { RELEASE, releaseOptions } from "./installation.ts";
import { SERVICES_NAMESPACE } from "./namespaces.ts";
import { chartFolder } from "./releases.ts";

/** The product by values-dev.yaml: Postgres, NATS and S3 are pods of the release. */
export interface DevelopmentInstallation {
  readonly apiKey: string;
  /** Offers a model so small that a race takes seconds; returns its name. */
  offerTinyModel(): Promise<string>;
  /** While it lasts, this machine downloads from the object store. */
  openObjects(): Promise<ForwardedPort>;
}

const inServices = ["--namespace", SERVICES_NAMESPACE];

export async function installDevelopment(): Promise<DevelopmentInstallation> {
  await up({ profile: "node" });
  const images = {} as DevelopmentImages;
  for (const name of developmentImages) images[name] = await buildImage(name, "cpu");
  await loadArchives(Object.values(images).map(({ path }) => path));
  const values = ["--values", join(chartFolder, "values-dev.yaml"), "--values", "-"];
  await helm(
    ["install", RELEASE, chartFolder, "--create-namespace", ...values, ...releaseOptions],
    JSON.stringify(developmentValues(images)),
  );
  return {
    apiKey: await apiKey(),
    offerTinyModel,
    openObjects: () => forwardPort(`service/${RELEASE}-dev-objects`, OBJECTS_PORT, OBJECTS_PORT),
  };
}

function apiKey(): Promise<string> {
  const template = "go-template={{ index .data `api-key` | base64decode }}";
  return kubectl("get", "secret", `${RELEASE}-dev`, ...inServices, "--output", template);
}

/** As NOTES.txt tells an operator. */
async function offerTinyModel(): Promise<string> {
  const gateway = ["exec", ...inServices, `deployment/${RELEASE}-gateway`, "--container", "gateway", "--"];
  const add = ["node", "services/gateway/src/main.ts", "models", "add", MODEL_FOLDER];
  const told = await kubectl(...gateway, ...add, "--id", "tiny", "--name", "Tiny", "--license", "CC0-1.0");
  expect(told).toMatch(/^models\/tiny added/);
  return "models/tiny";
}

/** At once, as if its machine had died: another one takes its place, without what it had stored. */
export async function killNats(): Promise<void> {
  const component = "app.kubernetes.io/component=dev-nats";
  const find = ["get", "pods", ...inServices, "--selector", component, "--output"];
  const killed = await kubectl(...find, "name");
  const uid = () => kubectl(...find, "jsonpath={.items[*].metadata.uid}");
  const before = await uid();
  await kubectl("delete", killed.trim(), ...inServices, "--force", "--grace-period=0");
  await expect.poll(uid, { timeout: 60_000, interval: 200 }).not.toBe(before);
}

/** How many events each service has published again because the broker had lost them. */
export async function republished(): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const service of ["gateway", "scheduler", "scorer"]) {
    const logs = ["logs", ...inServices, `deployment/${RELEASE}-${service}`, "--container", service];
    const lines = (await kubectlLines(...logs, "--tail=-1")).filter((line) => line.includes(RECREATED));
    counts[service] = lines.reduce((sum, line) => sum + eventsIn(line), 0);
  }
  return counts;
}

const RECREATED = "stream was recreated";

function eventsIn(line: string): number {
  const { events } = JSON.parse(line) as { readonly events?: unknown };
  return Number(events);
}
