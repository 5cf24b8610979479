import { loadConfig as chainBridge } from "../../../services/chain-bridge/src/config.ts";
import { loadConfig as gateway } from "../../../services/gateway/src/config.ts";
import { loadConfig as scheduler } from "../../../services/scheduler/src/config.ts";
import { loadConfig as scorer } from "../../../services/scorer/src/config.ts";

export interface ServiceVariable {
  readonly name: string;
  /** Zod's word for what it holds. */
  readonly type: string;
  readonly description: string;
}

const configurations = { gateway, scheduler, scorer, "chain-bridge": chainBridge } as const;

export type ServiceName = keyof typeof configurations;

export const serviceNames = Object.keys(configurations) as readonly ServiceName[];

/** Variables of a service as its own `--help` tells them: `  NAME  (type; required; ...)` and the description in the next line. */
export function serviceVariables(service: ServiceName): readonly ServiceVariable[] {
  const entries = helpOf(service).matchAll(/^ {2}([A-Z][A-Z0-9_]*) {2}\(([^;]+); .*\)\n {6}(.*)$/gm);
  return [...entries].map(([, name = "", type = "", description = ""]) => ({ name, type, description }));
}

/** Throws what the service would end with if it was started in this environment. */
export function loadServiceConfig(service: ServiceName, env: Readonly<Record<string, string>>): void {
  configurations[service]({ env, argv: [] });
}

function helpOf(service: ServiceName): string {
  try {
    configurations[service]({ env: {}, argv: ["--help"] });
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error(`${service} gave no help`);
}
