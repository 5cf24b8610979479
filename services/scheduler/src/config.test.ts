import { expect, test } from "vitest";
import { loadConfig } from "./config.ts";

const env = {
  SCHEDULER_DATABASE_URL: "postgres://scheduler@localhost/gradients",
  SCHEDULER_NATS_SERVERS: "localhost:4222",
  SCHEDULER_OBJECTS_ENDPOINT: "http://localhost:9000",
  SCHEDULER_OBJECTS_ACCESS_KEY_ID: "key",
  SCHEDULER_OBJECTS_SECRET_ACCESS_KEY: "secret",
  SCHEDULER_RECIPES_CONTESTANT_HOTKEYS: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
  SCHEDULER_FLEET_DIR: "/tmp/fleet",
  SCHEDULER_FLEET_CACHE_DIR: "/tmp/cache",
  SCHEDULER_FLEET_PYTHON: "python",
};

const load = (pools: object) =>
  loadConfig({ env: { ...env, SCHEDULER_ADMISSION_POOLS: JSON.stringify(pools) }, argv: [] });

test("a pool takes the classes that there are", () => {
  const pools = { machine: { units: 4, classes: { local: 2 } } };
  expect(load(pools).admission.pools).toEqual(pools);
});

test("a pool of a class that is none is refused by the variable's name", () => {
  expect(() => load({ machine: { units: 4, classes: { gone: 2 } } })).toThrow(
    /SCHEDULER_ADMISSION_POOLS.*"gone", which is none/s,
  );
});
