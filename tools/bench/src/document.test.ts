import { expect, test } from "vitest";
import { type Figure, figureTable } from "./benchmark.ts";
import { sectionsOf, sectionText, withSection } from "./document.ts";

const titles = ["Bus", "Engine", "Soak"];
const facts = {
  command: "npm run bench -- bus",
  date: "2026-11-29",
  commit: "abc1234",
  seconds: 100,
  machine: { cpu: "AMD EPYC", cores: 2, memoryGib: 24, load: 0.2, node: "24.21.0" },
};
const findings = { method: "How.", tables: [], versions: { NATS: "2.15.1" } };

test("a run replaces its own section alone, and sections stand in the order of the benchmarks", () => {
  const soak = withSection("", titles, { title: "Soak", text: "soak 1" });
  const both = withSection(soak, titles, { title: "Bus", text: "bus 1\n\n| a |\n| --- |" });
  const again = withSection(both, titles, { title: "Bus", text: "bus 2" });
  expect(sectionsOf(again)).toEqual([
    { title: "Bus", text: "bus 2" },
    { title: "Soak", text: "soak 1" },
  ]);
  expect(withSection(again, titles, { title: "Bus", text: "bus 2" })).toBe(again);
});

test("a section tells command, date, commit, machine and versions", () => {
  expect(sectionText(facts, findings)).toBe(
    "`npm run bench -- bus`, 2026-11-29, commit abc1234, 2 min. 2 cores of AMD EPYC, 24 GiB, load 0.20 at the start; Node 24.21.0, NATS 2.15.1.\n\nHow.",
  );
});

test("a machine with other work is told of", () => {
  const busy = { ...facts, machine: { ...facts.machine, load: 0.51 } };
  expect(sectionText(busy, findings)).toContain("> The machine had other work (load 0.51 at the start)");
});

test("a figure stands beside its peer with the ratio, and says whether it is what is wanted", () => {
  const figure = {
    what: "rate",
    value: 12_345.6,
    unit: "events/s",
    beside: { what: "bare", value: 24_691.2 },
  };
  const row = (target: Figure["target"]) =>
    figureTable([{ ...figure, ...(target ? { target } : {}) }]).rows[0];
  expect(row({ atLeast: 10_000 })).toEqual([
    "rate",
    "12,346 events/s",
    "24,691 events/s: bare",
    "0.50",
    "at least 10,000 events/s: holds",
  ]);
  expect(row({ atMost: 10_000 })?.at(-1)).toBe("at most 10,000 events/s: not met");
});
