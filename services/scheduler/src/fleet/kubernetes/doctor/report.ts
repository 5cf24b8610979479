import type { Finding } from "./finding.ts";

/** A line for each finding, and below it the cure. */
export function reportOf(findings: readonly Finding[]): string {
  return findings.map(lineOf).join("");
}

function lineOf({ level, text, cure }: Finding): string {
  return `${level.padEnd(8)} ${text}.${cure === undefined ? "" : `\n         Cure: ${cure}.`}\n`;
}

/** The last line: promises no more than was looked at. `elsewhere` says how to look as another; without it whoever ran this chose whose eyes to use. */
export function verdictOf(findings: readonly Finding[], elsewhere?: string): string {
  const unseen = findings.filter(({ level }) => level === "unseen").length;
  if (unseen === 0) return "Pods can run.\n";
  const verdict = `Nothing was found against it, but ${unseen} check(s) could not be made with this account`;
  return elsewhere === undefined ? `${verdict}.\n` : `${verdict}. ${elsewhere}\n`;
}
