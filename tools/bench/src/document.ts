import type { Findings, Table } from "./benchmark.ts";
import type { Machine } from "./machine.ts";

const HEAD = `# Benchmarks

Written by \`npm run bench\`, each section by its own last full run; not written by hand. A figure stands beside the same work done barely (grpc-js, JetStream, PostgreSQL, TRL) in the same run on the same machine, and the ratio of the two is what lasts: absolute figures are of the machine that the section names, at the load that it names.
`;

/** Above this, others were at work on the machine. */
const BUSY_LOAD = 0.5;

export interface Section {
  readonly title: string;
  readonly text: string;
}

export interface RunFacts {
  readonly command: string;
  readonly date: string;
  readonly commit: string;
  readonly seconds: number;
  readonly machine: Machine;
}

export function sectionText(facts: RunFacts, findings: Findings): string {
  const { machine, command, date, commit, seconds } = facts;
  const versions = Object.entries({ Node: machine.node, ...findings.versions });
  const load = machine.load.toFixed(2);
  const head = [
    `\`${command}\`, ${date}, commit ${commit}, ${Math.ceil(seconds / 60)} min.`,
    `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, load ${load} at the start; ${versions.map(([name, version]) => `${name} ${version}`).join(", ")}.`,
  ].join(" ");
  const warning =
    machine.load > BUSY_LOAD
      ? [
          `> The machine had other work (load ${load} at the start): the rates and times here are worse than its own, the ratios less so.`,
        ]
      : [];
  const notes = findings.notes?.length ? [findings.notes.map((note) => `- ${note}`).join("\n")] : [];
  return [head, ...warning, findings.method, ...findings.tables.map(tableText), ...notes].join("\n\n");
}

/** The document with this section in place of the one of that title; sections stand in the order of `titles`, others are left out. */
export function withSection(document: string, titles: readonly string[], section: Section): string {
  const sections = new Map(sectionsOf(document).map(({ title, text }) => [title, text]));
  sections.set(section.title, section.text.trim());
  const known = titles.filter((title) => sections.has(title));
  return `${[HEAD.trim(), ...known.map((title) => `## ${title}\n\n${sections.get(title)}`)].join("\n\n")}\n`;
}

export function sectionsOf(document: string): readonly Section[] {
  return document
    .split(/^## /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf("\n");
      return { title: part.slice(0, end).trim(), text: part.slice(end).trim() };
    });
}

function tableText({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
