import { join } from "node:path";
import {
  type BinaryName,
  binaryPath,
  type KueueModule,
  kueueProblem,
  missingBinaries,
  startKueue,
} from "@gradients/cluster";
import { type GuardedChild, spawnGuarded } from "@gradients/testkit";
import type { CallLimits } from "./limits.ts";

/** Kueue's admission in one of the two programs that it comes as. */
export interface KueueForm {
  readonly program: Extract<BinaryName, "minimalkueue" | "kueue">;
  readonly limits: CallLimits;
  /** Why it cannot be run here. */
  readonly problem: () => string | undefined;
  /** How it is run, for the method's text. */
  readonly about: string;
  /** Its files go to the folder. */
  readonly start: (kubeconfig: string, folder: string, source: KueueModule) => Promise<GuardedChild>;
}

export const minimalForm: KueueForm = {
  program: "minimalkueue",
  limits: { perSecond: 50, burst: 100 }, // in its code
  problem: () => missingBinaries("minimalkueue"),
  about: "`minimalkueue` and `runner` of its module, unchanged",
  start: async (kubeconfig, folder) =>
    spawnGuarded({
      command: binaryPath("minimalkueue"),
      args: ["--kubeconfig", kubeconfig],
      logFile: join(folder, "minimalkueue.log"),
      stopSignal: "TERM",
      stopTimeoutSeconds: 10,
      removeAtEnd: [],
    }),
};

export const managerForm: KueueForm = {
  program: "kueue",
  limits: { perSecond: 300, burst: 500 }, // in the settings that it ships
  problem: kueueProblem,
  about:
    "its manager with the settings that it ships, and `runner` of its module, unchanged; without its web hooks, which would only add to what each call of it costs",
  start: startKueue,
};
