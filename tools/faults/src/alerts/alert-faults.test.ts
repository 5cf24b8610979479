import { expect, test } from "vitest";
import { alertFaults } from "./alert-faults.ts";
import { alertNames } from "./prometheus.ts";

test("every alert of the rules is fired by a fault, once", async () => {
  const fired = alertFaults.flatMap(({ alerts }) => alerts);
  expect(fired.toSorted()).toEqual((await alertNames()).toSorted());
});
