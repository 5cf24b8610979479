import { join } from "node:path";
import { loadArchives, up } from "@gradients/cluster";
import { helm, kubectl } from "@gradients/cluster/testing";
import { type BuiltImage, buildImage, developmentServerNames } from "@gradients/images";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { door, RELEASE, removeAll, testRelease } from "./testing/installation.ts";
import { gatewayClient } from "./testing/main-job.ts";
import { SERVICES_NAMESPACE } from "./testing/namespaces.ts";
import { ownProductProblem } from "./testing/product-problem.ts";
import { chartFolder } from "./testing/releases.ts";

const problem = ownProductProblem();
const MINUTE = 60_000;

describe.skipIf(problem !== undefined)(`values-dev.yaml${problem ? ` (${problem})` : ""}`, () => {
  beforeAll(async () => {
    await up({ profile: "node" });
    const services = await buildImage("services", "cpu");
    const servers: BuiltImage[] = [];
    for (const name of developmentServerNames) servers.push(await buildImage(name, "cpu"));
    await loadArchives([services, ...servers].map(({ path }) => path));
    const [postgres, nats, seaweedfs] = servers.map(({ repository, digest }) => `${repository}@${digest}`);
    const image = { registry: "localhost", repository: "gradients/services", digest: services.digest };
    // Nothing is trained here: the node is smaller than what the file's hardware class asks for.
    const trainers = { image: { digest: services.digest } };
    const dev = {
      postgres: { image: postgres },
      nats: { image: nats },
      objects: { image: seaweedfs },
    };
    const values = ["--values", join(chartFolder, "values-dev.yaml"), "--values", "-"];
    const where = ["--namespace", SERVICES_NAMESPACE, "--create-namespace", "--wait", "--timeout", "10m"];
    await helm(
      ["install", RELEASE, chartFolder, ...values, ...where],
      JSON.stringify({ image, trainers, dev }),
    );
  }, 15 * MINUTE);

  afterAll(async () => {
    if (problem === undefined) await removeAll();
  }, 5 * MINUTE);

  it("brings up Postgres, NATS and S3 from the images of npm run images, and the product serves from them", async () => {
    const log = await testRelease();
    process.stdout.write(log);
    expect(log.match(/^ok {4}/gm)).toHaveLength(5);
    const secret = ["get", "secret", `${RELEASE}-dev`, "--namespace", SERVICES_NAMESPACE];
    const key = await kubectl(
      ...secret,
      "--output",
      "go-template={{ index .data `api-key` | base64decode }}",
    );
    const gateway = gatewayClient(await door("gateway"), key);
    try {
      // Bucket and streams are made before anything is served, so all three servers have answered.
      expect((await gateway.getCaller({})).project).toMatch(/^projects\//);
    } finally {
      gateway.close();
    }
  });
});
