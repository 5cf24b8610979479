import { assertNever } from "@gradients/kernel";
import type { AlignmentFault } from "./align-scores.ts";
import type { Copy } from "./copies.ts";
import type { Reason } from "./reason.ts";

/** What the evaluation engine found out about an artifact. */
export interface ArtifactChecks {
  readonly loads: boolean;
  readonly finite: boolean;
  readonly changed: boolean;
  readonly safetensorsOnly: boolean;
  readonly updateNorm: number;
  readonly weightsSha256: string;
}

/** The first check that an artifact fails, in words for its contestant. */
export function checksReason(checks: ArtifactChecks): Reason | undefined {
  if (!checks.safetensorsOnly)
    return reason(
      "UNSAFE",
      "The artifact holds files other than safetensors weights and plain configuration.",
    );
  if (!checks.loads) return reason("UNLOADABLE", "The artifact does not load on the base model.");
  if (!checks.finite) return reason("NOT_FINITE", "The artifact's weights or losses hold NaN or infinity.");
  if (!checks.changed)
    return reason("UNTRAINED", "The artifact's weights equal the base model's: nothing was trained.");
  return undefined;
}

export function alignmentReason(fault: AlignmentFault): Reason {
  switch (fault.kind) {
    case "missing_rows":
      return reason(
        "INCOMPLETE",
        `${fault.count} held-out rows have no score; the first is row ${fault.firstRow}.`,
      );
    case "unknown_row":
      return reason("INCOMPLETE", `The scores name row ${fault.row}, which is not among the held-out rows.`);
    case "repeated_row":
      return reason("INCOMPLETE", `The scores hold row ${fault.row} twice.`);
    case "bad_tokens":
      return reason("INCOMPLETE", `The token count of row ${fault.row} is no whole number.`);
    case "malformed_line":
      return reason("INCOMPLETE", `Line ${fault.line} of the scores cannot be read.`);
    case "no_tokens":
      return {
        ...reason(
          "INCOMPLETE",
          "Not one answer token was scored: every held-out row is longer than the limit.",
        ),
        isCustomerError: true,
      };
    case "not_finite":
      return reason("NOT_FINITE", `The loss on row ${fault.row} is not a finite number.`);
    default:
      return assertNever(fault);
  }
}

export function tokensReason(row: number): Reason {
  return reason(
    "INCOMPLETE",
    `Row ${row} was scored on another number of tokens than for the base model, so the losses cannot be compared.`,
  );
}

export function copyReason(copy: Copy): Reason {
  const found =
    copy.evidence === "equal_weights" ? "Its weights equal" : "Its per-example losses are those of";
  return reason("COPY", `${found} attempt ${copy.originalAttemptId}, which has the earlier claim.`);
}

/** A failed evaluation: the engine's codes that speak of the artifact have one of ours, all others leave it open whose fault it was. */
export function evaluationReason(failure: Reason): Reason {
  return { ...failure, code: codes.get(failure.code) ?? "EVALUATION_FAILED" };
}

/** The scores object is not the one that the evaluation reported, so nothing in it can be believed. */
export const scoresUntrusted: Reason = {
  code: "SCORES_UNTRUSTED",
  message: "The stored scores do not match the digest that the evaluation reported.",
  isCustomerError: false,
};

const codes: ReadonlyMap<string, string> = new Map([
  ["ARTIFACT_UNSAFE", "UNSAFE"],
  ["ARTIFACT_UNLOADABLE", "UNLOADABLE"],
  ["NONFINITE", "NOT_FINITE"],
  ["SCORES_UNTRUSTED", "SCORES_UNTRUSTED"],
]);

function reason(code: DisqualificationCode, message: string): Reason {
  return { code, message, isCustomerError: false };
}

type DisqualificationCode = "UNSAFE" | "UNLOADABLE" | "NOT_FINITE" | "UNTRAINED" | "INCOMPLETE" | "COPY";
