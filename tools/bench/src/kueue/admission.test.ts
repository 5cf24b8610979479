import type { AdmissionRules } from "@gradients/scheduler/domain/admission-rules";
import { slimJob } from "@gradients/scheduler/fleet/kubernetes/slim-objects";
import { podName } from "@gradients/scheduler/fleet/pod-name";
import { beforeEach, expect, test } from "vitest";
import { Admission } from "./admission.ts";

const rules: AdmissionRules = {
  accounts: { "q-small": { priority: 50 }, "q-large": { priority: 200 } },
  common: { priority: 0, weight: 1, maxSlots: null },
  patienceSeconds: 3_600,
  pools: { p: { units: 4, classes: { "p-small": 1, "p-large": 4 } } },
};
let admission: Admission;

beforeEach(() => {
  admission = new Admission(rules);
});

function tell(className: "small" | "large", index: number, state: "suspended" | "begun" | "complete"): void {
  const name = podName(`q-${className}-${index}`, 1);
  const labels = { "gradients.io/hardware-class": `p-${className}` };
  const isComplete = state === "complete";
  admission.note(
    slimJob({
      metadata: { name, labels },
      spec: { suspend: state === "suspended", template: {} },
      status: isComplete ? { conditions: [{ type: "Complete", status: "True" }] } : {},
    }),
  );
}

test("as many begin as the pool holds, each once", () => {
  for (let index = 0; index < 6; index += 1) tell("small", index, "suspended");
  expect(admission.pass()).toEqual(["q-small-0", "q-small-1", "q-small-2", "q-small-3"]);
  tell("small", 0, "suspended");
  tell("small", 0, "begun");
  expect(admission.pass()).toEqual([]);
  tell("small", 0, "complete");
  expect(admission.pass()).toEqual(["q-small-4"]);
});

test("what is large and of higher priority gets the pool as soon as it is free", () => {
  for (let index = 0; index < 6; index += 1) tell("small", index, "suspended");
  admission.pass();
  tell("large", 0, "suspended");
  for (let index = 0; index < 3; index += 1) tell("small", index, "complete");
  expect(admission.pass()).toEqual([]);
  tell("small", 3, "complete");
  expect(admission.pass()).toEqual(["q-large-0"]);
});
