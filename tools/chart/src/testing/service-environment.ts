import type { ServiceName } from "../service-variables.ts";
import { find, type KubernetesObject } from "./render.ts";

interface Variable {
  readonly name: string;
  readonly value?: unknown;
}

const secrets: Readonly<Record<string, string>> = {
  BOOTSTRAP_KEY: `grd_${"0".repeat(10)}_${"0".repeat(64)}`,
};

/** What the service's process would find in its environment: secrets stand for their files, and an address for a Service's variable. */
export function serviceEnvironment(
  objects: readonly KubernetesObject[],
  service: ServiceName,
): Readonly<Record<string, string>> {
  const prefix = `${service.toUpperCase().replaceAll("-", "_")}_`;
  const deployment = find(objects, "Deployment", `gradients-${service}`);
  const env = deployment.spec.template.spec.containers[0].env as readonly Variable[];
  const own = env.filter(({ name }) => name.startsWith(prefix));
  return Object.fromEntries(
    own.map(({ name, value }) => {
      if (!name.endsWith("_FILE") || name === "SCHEDULER_RECIPES_FILE") return [name, textOf(value)];
      const variable = name.slice(0, -"_FILE".length);
      return [variable, secrets[variable.slice(prefix.length)] ?? "secret"];
    }),
  );
}

function textOf(value: unknown): string {
  if (value === undefined) return "from a Secret";
  if (typeof value !== "string") throw new Error(`${JSON.stringify(value)} is no text`);
  return value.replaceAll(/\$\(\w+_SERVICE_HOST\)/g, "10.96.0.9");
}
