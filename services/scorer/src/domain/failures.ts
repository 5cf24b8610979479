import type { Reason } from "./reason.ts";
import type { SplitRejection } from "./split.ts";

/** Why a job ends without a model. */
export type JobFailureCode =
  | "DATASET_INVALID"
  | "DATASET_UNREADABLE"
  | "DATASET_TOO_SMALL"
  | "DATASET_TOO_LARGE"
  | "ALL_ATTEMPTS_FAILED"
  | "BASE_NOT_EVALUATED"
  | "NO_VALID_ARTIFACT"
  | "DEADLINE_EXCEEDED"
  | "PLATFORM_FAULT"
  | "PROCESS_LOST";

export function jobFailure(code: JobFailureCode, message: string, isCustomerError: boolean): Reason {
  return { code, message, isCustomerError };
}

export function splitFailure(rejection: SplitRejection, dropped: Readonly<Record<string, number>>): Reason {
  if (rejection.kind === "too_small") {
    const { rows, rowsNeeded } = rejection;
    const found = `The data set has ${counted(rows, "usable row")}${droppedWords(dropped)}; at least ${rowsNeeded} are needed to train and to test.`;
    return jobFailure("DATASET_TOO_SMALL", `${found} Add ${rowsNeeded - rows} more examples.`, true);
  }
  const { rows, groups, heldoutRowsFound, heldoutRowsNeeded } = rejection;
  const found = `The ${counted(rows, "usable row")} are so alike that they form only ${counted(groups, "group")}; ${heldoutRowsNeeded} rows have to be held out for the test and only ${heldoutRowsFound} can be without testing on near copies of training rows.`;
  return jobFailure("DATASET_TOO_SMALL", `${found} Add examples that differ from each other.`, true);
}

export function datasetTooLarge(maxRows: number): Reason {
  const found = `The data set has more than ${maxRows.toLocaleString("en")} usable rows that differ.`;
  return jobFailure("DATASET_TOO_LARGE", `${found} Upload a part of it that has no more.`, true);
}

export const datasetUnreadable: Reason = jobFailure(
  "DATASET_UNREADABLE",
  "The stored data set is gone or is not what was uploaded. Upload it again and start a new job.",
  false,
);

type Work = "split" | "judge" | "deadline";

const doings: Readonly<Record<Work, string>> = {
  split: "splitting the data set",
  judge: "computing the verdict",
  deadline: "ending the job",
};

/** The process died at it so often that nothing but the work itself can be the cause. */
export function processLost(kind: Work, tries: number): Reason {
  const message = `The platform's process died ${tries} times while ${doings[kind]}, most likely for lack of memory. A smaller data set may go well; the operator can give it more memory.`;
  return jobFailure("PROCESS_LOST", message, false);
}

export function platformFault(kind: Work, tries: number): Reason {
  const message = `The platform failed ${tries} times while ${doings[kind]}. Your data is not the cause; start the job again or ask the operator.`;
  return jobFailure("PLATFORM_FAULT", message, false);
}

/** Quotes each failed attempt once per distinct reason. */
export function allAttemptsFailed(
  entries: readonly { readonly title: string; readonly reason: Reason }[],
): Reason {
  if (entries.length === 0)
    return jobFailure("ALL_ATTEMPTS_FAILED", "The race ended without a single attempt.", false);
  const isCustomerError = entries.every(({ reason }) => reason.isCustomerError);
  return jobFailure(
    "ALL_ATTEMPTS_FAILED",
    `No attempt produced a model. ${quoted(entries)}`,
    isCustomerError,
  );
}

export function baseNotEvaluated({ message, isCustomerError }: Reason): Reason {
  const found = `The base model could not be evaluated, so there is nothing to compare with: ${message}`;
  return jobFailure("BASE_NOT_EVALUATED", found, isCustomerError);
}

export function noValidArtifact(
  entries: readonly { readonly title: string; readonly reason: Reason }[],
): Reason {
  return jobFailure(
    "NO_VALID_ARTIFACT",
    `Models were trained, but none can be accepted. ${quoted(entries)}`,
    false,
  );
}

export function deadlineExceeded(state: string, deadline: Date): Reason {
  const doing =
    {
      splitting: "the data set was being split",
      racing: "the attempts were still running",
      evaluating: "the models were being evaluated",
      judging: "the verdict was being computed",
    }[state] ?? "it was under way";
  return jobFailure(
    "DEADLINE_EXCEEDED",
    `The job had no result by its deadline, ${deadline.toISOString()}: ${doing}. A shorter budget or a later deadline would help.`,
    false,
  );
}

function quoted(entries: readonly { readonly title: string; readonly reason: Reason }[]): string {
  const titles = new Map<string, string[]>();
  for (const { title, reason } of entries)
    titles.set(reason.message, [...(titles.get(reason.message) ?? []), title]);
  return [...titles].map(([message, names]) => `${names.join(", ")}: ${message}`).join(" ");
}

function droppedWords(dropped: Readonly<Record<string, number>>): string {
  const parts = Object.entries(dropped).map(([reason, rows]) => `${rows} ${reason.replaceAll("_", " ")}`);
  return parts.length === 0 ? "" : ` (left out: ${parts.join(", ")})`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** An attempt that brought neither an artifact nor a reason. */
export const unknownFailure: Reason = {
  code: "UNKNOWN",
  message: "The attempt ended without an artifact and without a reason.",
  isCustomerError: false,
};
