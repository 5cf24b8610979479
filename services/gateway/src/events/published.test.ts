import { eventCatalogue } from "@gradients/contracts/catalogue";
import { expect, test } from "vitest";
import { published } from "./published.ts";

test("the gateway emits exactly what the catalogue says is its own", () => {
  const own = eventCatalogue.filter(({ owner }) => owner === "gateway").map(({ typeName }) => typeName);
  expect(published.map(({ typeName }) => typeName).toSorted()).toEqual(own.toSorted());
});
