import { parentPort, workerData } from "node:worker_threads";
import { type EvidenceBundle, verdictInput } from "../domain/evidence.ts";
import { judge } from "../domain/verdict.ts";

parentPort?.postMessage(judge(verdictInput(workerData as Omit<EvidenceBundle, "verdict">))); // the evidence that judge-job.ts hands over
