import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, spawnGuarded } from "@gradients/testkit";
import { parse } from "yaml";
import { paths } from "../../../setup/paths.mjs";

const rulesFile = new URL("../../../../deploy/observability/alerts.yaml", import.meta.url);

export const hasPrometheus = spawnSync("prometheus", ["--version"]).status === 0;

export interface Prometheus extends AsyncDisposable {
  /** Values of an instant query, by nothing but their order. */
  query(expression: string): Promise<readonly number[]>;
  /** Names of the alerts that fire. */
  firing(): Promise<readonly string[]>;
}

/** A real Prometheus that scrapes each second and evaluates the product's rules, which here need not hold for minutes before they fire. */
export async function startPrometheus(targets: Readonly<Record<string, string>>): Promise<Prometheus> {
  const folder = await mkdtemp(join(paths.scratch, "gradients-prometheus-"));
  const port = await freePort();
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["rules.json"],
    scrape_configs: Object.entries(targets).map(([job, target]) => ({
      job_name: job,
      static_configs: [{ targets: [target] }],
    })),
  };
  await writeFile(join(folder, "prometheus.json"), JSON.stringify(config));
  await writeFile(join(folder, "rules.json"), JSON.stringify(await impatientRules()));
  const child = spawnGuarded({
    command: "prometheus",
    args: [
      `--config.file=${folder}/prometheus.json`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    logFile: join(folder, "prometheus.log"),
    stopSignal: "KILL",
    stopTimeoutSeconds: 5,
    removeAtEnd: [],
  });
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    return ((await response.json()) as { readonly data: T }).data;
  };
  return {
    query: async (expression) => {
      const { result } = await ask<QueryData>(`query?query=${encodeURIComponent(expression)}`);
      return result.map(({ value: [, text] }) => Number(text));
    },
    firing: async () => {
      const { alerts } = await ask<AlertData>("alerts");
      return alerts.flatMap(({ state, labels }) => (state === "firing" ? [labels.alertname] : []));
    },
    [Symbol.asyncDispose]: async () => {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function impatientRules(): Promise<Rules> {
  const { groups } = parse(await readFile(rulesFile, "utf8")) as Rules;
  return {
    groups: groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ({ ...rule, for: "0s" })),
    })),
  };
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly object[] }[];
}

interface QueryData {
  readonly result: readonly { readonly value: readonly [number, string] }[];
}

interface AlertData {
  readonly alerts: readonly { readonly state: string; readonly labels: { readonly alertname: string } }[];
}
