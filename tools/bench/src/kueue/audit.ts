import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** What the API server has noted of one contender. */
export interface AuditFindings {
  readonly wallSeconds: number;
  readonly callsByKind: ReadonlyMap<string, number>;
  readonly calls: number;
}

export interface AuditQuestion {
  /** Beginning of the user agent of the admitter. */
  readonly admitter: string;
  /** Of the program that makes and ends runs. */
  readonly runner: string;
  /** What a run is. */
  readonly resource: "workloads" | "jobs";
}

interface Entry {
  readonly stage: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

/** Watches count once, when they begin. */
export async function readAudit(file: string, question: AuditQuestion): Promise<AuditFindings> {
  const callsByKind = new Map<string, number>();
  let firstAt = Number.POSITIVE_INFINITY;
  let lastAt = Number.NEGATIVE_INFINITY;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const entry = JSON.parse(line) as Entry;
    if (isCallOf(entry, question.admitter)) {
      const { resource = "other", subresource } = entry.objectRef ?? {};
      const kind = `${entry.verb} ${resource}${subresource ? `/${subresource}` : ""}`;
      callsByKind.set(kind, (callsByKind.get(kind) ?? 0) + 1);
    }
    if (!isCallOf(entry, question.runner) || entry.objectRef?.resource !== question.resource) continue;
    if (entry.verb === "create") firstAt = Math.min(firstAt, Date.parse(entry.requestReceivedTimestamp));
    if (entry.verb === "patch" || entry.verb === "update")
      lastAt = Math.max(lastAt, Date.parse(entry.stageTimestamp));
  }
  const calls = [...callsByKind.values()].reduce((sum, count) => sum + count, 0);
  return { wallSeconds: (lastAt - firstAt) / 1000, callsByKind, calls };
}

function isCallOf({ userAgent = "", stage, verb }: Entry, program: string): boolean {
  return (
    userAgent.startsWith(program) && stage === (verb === "watch" ? "ResponseStarted" : "ResponseComplete")
  );
}
