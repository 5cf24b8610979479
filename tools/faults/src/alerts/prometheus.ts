import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, spawnGuarded, untilReady } from "@gradients/testkit";
import { parse } from "yaml";
import { paths } from "../../../setup/paths.mjs";

const rulesFile = new URL("../../../../deploy/observability/alerts.yaml", import.meta.url);
const POLL_MS = 250;

export interface Prometheus extends AsyncDisposable {
  /** Values of an instant query, by nothing but their order. */
  query(expression: string): Promise<readonly number[]>;
  /** Names of the alerts that fire. */
  firing(): Promise<readonly string[]>;
  /** False when the alert still does not, or still does, after that time. */
  until(alert: string, state: "firing" | "silent", timeoutMs: number): Promise<boolean>;
}

/** Why there can be none here; undefined where there can. */
export function noPrometheus(): string | undefined {
  const found = spawnSync("prometheus", ["--version"]).status === 0;
  return found ? undefined : "Prometheus is not installed";
}

/** A real Prometheus that scrapes each second and evaluates the product's rules, which here need not hold for minutes before they fire. */
export async function startPrometheus(targets: Readonly<Record<string, string>>): Promise<Prometheus> {
  const folder = await mkdtemp(join(paths.scratch, "gradients-prometheus-"));
  const port = await freePort();
  await writeFile(join(folder, "prometheus.json"), JSON.stringify(configOf(targets)));
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
  const url = `http://127.0.0.1:${port}`;
  const attempt = async () => {
    if (!(await fetch(`${url}/-/ready`)).ok) throw new Error("not ready");
  };
  await untilReady({ server: "Prometheus", child, timeoutMs: 60_000, attempt });
  return {
    ...clientOf(`${url}/api/v1`),
    [Symbol.asyncDispose]: async () => {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configOf(targets: Readonly<Record<string, string>>) {
  return {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["rules.json"],
    scrape_configs: Object.entries(targets).map(([job, target]) => ({
      job_name: job,
      static_configs: [{ targets: [target] }],
    })),
  };
}

function clientOf(api: string): Omit<Prometheus, typeof Symbol.asyncDispose> {
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${api}/${path}`);
    return ((await response.json()) as { readonly data: T }).data;
  };
  const firing = async () => {
    const { alerts } = await ask<AlertData>("alerts");
    return alerts.flatMap(({ state, labels }) => (state === "firing" ? [labels.alertname] : []));
  };
  return {
    firing,
    query: async (expression) => {
      const { result } = await ask<QueryData>(`query?query=${encodeURIComponent(expression)}`);
      return result.map(({ value: [, text] }) => Number(text));
    },
    until: async (alert, state, timeoutMs) => {
      const deadline = Date.now() + timeoutMs;
      while ((await firing()).includes(alert) !== (state === "firing")) {
        if (Date.now() > deadline) return false;
        await sleep(POLL_MS);
      }
      return true;
    },
  };
}

/** Names of the alerts of deploy/observability/alerts.yaml. */
export async function alertNames(): Promise<readonly string[]> {
  return (await readRules()).groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
}

async function impatientRules(): Promise<Rules> {
  const { groups } = await readRules();
  return {
    groups: groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ({ ...rule, for: "0s" })),
    })),
  };
}

async function readRules(): Promise<Rules> {
  return parse(await readFile(rulesFile, "utf8")) as Rules;
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
}

interface QueryData {
  readonly result: readonly { readonly value: readonly [number, string] }[];
}

interface AlertData {
  readonly alerts: readonly { readonly state: string; readonly labels: { readonly alertname: string } }[];
}
