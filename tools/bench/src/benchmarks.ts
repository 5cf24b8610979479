import type { Benchmark } from "./benchmark.ts";
import { busBenchmark } from "./bus/bus.ts";
import { engineBenchmark } from "./engine/engine.ts";
import { idleBenchmark } from "./idle/idle.ts";
import { kubernetesBenchmark } from "./kubernetes/kubernetes.ts";
import { kueueBenchmark, kueueManagerBenchmark } from "./kueue/kueue.ts";
import { objectsBenchmark } from "./objects/objects.ts";
import { placingBenchmark } from "./placing/placing.ts";
import { rpcBenchmark } from "./rpc/rpc.ts";
import { soakBenchmark } from "./soak/soak.ts";
import { verdictsBenchmark } from "./verdicts/verdicts.ts";

/** In the order of the document. */
export const benchmarks: readonly Benchmark[] = [
  busBenchmark,
  rpcBenchmark,
  objectsBenchmark,
  placingBenchmark,
  kubernetesBenchmark,
  kueueBenchmark,
  kueueManagerBenchmark,
  engineBenchmark,
  verdictsBenchmark,
  idleBenchmark,
  soakBenchmark,
];
