import type { Benchmark } from "./benchmark.ts";
import { busBenchmark } from "./bus/bus.ts";
import { idleBenchmark } from "./idle/idle.ts";
import { rpcBenchmark } from "./rpc/rpc.ts";

/** In the order of the document. */
export const benchmarks: readonly Benchmark[] = [busBenchmark, rpcBenchmark, idleBenchmark];
