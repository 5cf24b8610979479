import { parentPort, workerData } from "node:worker_threads";
import { type SplitInput, writeSplit } from "./write-split.ts";

parentPort?.postMessage(await writeSplit(workerData as SplitInput)); // the input that split-job.ts hands over
