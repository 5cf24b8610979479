import { dirname } from "node:path";
import { binaryPath, outcomeOf } from "@gradients/cluster";
import { helm } from "@gradients/cluster/testing";
import { suiteKubeconfig } from "@gradients/cluster/testing/foreign-cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCustomer } from "./testing/customer.ts";
import {
  type DevelopmentInstallation,
  installDevelopment,
  killNats,
  republished,
} from "./testing/development-installation.ts";
import { door, RELEASE, removeAll, testRelease } from "./testing/installation.ts";
import { expectResult, type Gateway, gatewayClient } from "./testing/main-job.ts";
import { SERVICES_NAMESPACE } from "./testing/namespaces.ts";
import { expectInvariants } from "./testing/product.ts";
import { ownProductProblem } from "./testing/product-problem.ts";
import { countPlacements } from "./testing/scheduler-door.ts";
import { expectVerdict, smallRace, untilRacing } from "./testing/small-race.ts";

const problem = ownProductProblem();
const MINUTE = 60_000;

describe.skipIf(problem !== undefined)(`values-dev.yaml${problem ? ` (${problem})` : ""}`, () => {
  let installation: DevelopmentInstallation;
  let gateway: Gateway;

  beforeAll(async () => {
    installation = await installDevelopment();
    gateway = gatewayClient(await door("gateway"), installation.apiKey);
  }, 20 * MINUTE);

  afterAll(async () => {
    gateway?.close();
    if (problem === undefined) await removeAll();
  }, 5 * MINUTE);

  it("brings up Postgres, NATS and S3 from the images of npm run images, and the product serves from them", async () => {
    const log = await testRelease();
    process.stdout.write(log);
    expect(log.match(/^ok {4}/gm)).toHaveLength(5);
    // Bucket and streams are made before anything is served, so all three servers have answered.
    expect((await gateway.getCaller({})).project).toMatch(/^projects\//);
  });

  it("says by its doctor what the scheduler may not see, and sees it as the notes tell an administrator", async () => {
    const notes = await helm(["get", "notes", RELEASE, "--namespace", SERVICES_NAMESPACE]);
    const [own = "", administrators = ""] = notes
      .split("\n")
      .filter((line) => line.includes("main.ts doctor"));
    expect(await asOperator(own)).toMatch(
      /^unseen .*Nodes .*An administrator's may see more.*doctor \/dev\/stdin$/ms,
    );
    const seen = await asOperator(administrators);
    expect(seen).toMatch(/^ok .*The kubelet limits the processes of a pod on 1 node/m);
    expect(seen).toMatch(/^Pods can run\.$/m);
  });

  describe("while its parts fail", () => {
    it(
      "loses, doubles and leaves nothing when the NATS pod is killed, and with it all that it had stored",
      async () => {
        const model = await installation.offerTinyModel();
        const customer = await openCustomer(gateway);
        const name = await customer.createJob({ model, ...smallRace });
        await untilRacing();
        await killNats();
        const job = await expectVerdict(customer, name);
        using _objects = await installation.openObjects();
        await expectResult(gateway, job);
        for (const service of ["gateway", "scorer"]) await expectInvariants(service);
        const again = await republished();
        for (const events of Object.values(again)) expect(events).toBeGreaterThan(0);
        console.log(
          `the NATS pod is killed: 1; events published again: ${JSON.stringify(again)}; 2 attempts in ${await countPlacements(name)} placements`,
        );
      },
      15 * MINUTE,
    );
  });
});

/** In a shell that has the cluster's own kubectl and kubeconfig. */
async function asOperator(command: string): Promise<string> {
  const PATH = `${dirname(binaryPath("kubectl"))}:${process.env["PATH"]}`;
  const env = { ...process.env, PATH, KUBECONFIG: suiteKubeconfig() };
  const { code, output, errors } = await outcomeOf(["sh", "-c", command], { env });
  process.stdout.write(output);
  expect(code, output + errors).toBe(0);
  return output;
}
