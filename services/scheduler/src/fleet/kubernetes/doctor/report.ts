import type { Finding } from "./finding.ts";

/** A line for each finding, and below it the cure. */
export function reportOf(findings: readonly Finding[]): string {
  return findings.map(lineOf).join("");
}

function lineOf({ level, text, cure }: Finding): string {
  return `${level.padEnd(8)} ${text}.${cure === undefined ? "" : `\n         Cure: ${cure}.`}\n`;
}

/** The last line: promises no more than was looked at. `asAdministrator` is the command that looks at the rest. */
export function verdictOf(findings: readonly Finding[], asAdministrator: string): string {
  const unseen = findings.filter(({ level }) => level === "unseen").length;
  if (unseen === 0) return "Pods can run.\n";
  return `Nothing was found against it, but ${unseen} check(s) need an administrator's rights. With their kubeconfig:\n  ${asAdministrator}\n`;
}
