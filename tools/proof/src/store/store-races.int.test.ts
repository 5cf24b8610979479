import { expect, test } from "vitest";
import { openRace } from "./commands.ts";
import { Expected } from "./expected.ts";
import { RealStore } from "./real-store.ts";

const ROUNDS = 10;

test("two last attempts that end at one moment end their race, and once", async () => {
  await using real = await RealStore.open();
  for (let round = 0; round < ROUNDS; round++) {
    await real.empty();
    await openRace(new Expected(), real);
    await real.place();
    await Promise.all(["0/0", "0/1"].map((name) => real.call(name, 0, "fail")));
    expect((await real.read()).said).toEqual({ AttemptFailed: 2, RaceFinished: 1 });
  }
});
