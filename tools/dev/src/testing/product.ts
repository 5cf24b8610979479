import { kubectl } from "@gradients/cluster/testing";
import { expect } from "vitest";
import { type Customer, openCustomer } from "./customer.ts";
import { type Installation, installGradients } from "./installation.ts";
import { type Chain, chainClient, gatewayClient } from "./main-job.ts";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";

/** One installation for all tests of the product in a cluster, as a customer has it. */
export interface Product extends Customer, AsyncDisposable {
  readonly installation: Installation;
  readonly chain: Chain;
}

export async function openProduct(): Promise<Product> {
  await using cleanup = new AsyncDisposableStack();
  const installation = cleanup.use(await installGradients({ hostile: true }));
  const gateway = gatewayClient(await installation.door("gateway"), installation.apiKey);
  cleanup.defer(() => gateway.close());
  const chain = chainClient(await installation.door("chain-bridge"));
  cleanup.defer(() => chain.close());
  const customer = await openCustomer(gateway);
  const owned = cleanup.move();
  return { ...customer, installation, chain, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Pods, Jobs and tokens of a job leave with it. */
export async function expectNothingLeft(): Promise<void> {
  const left = () =>
    kubectl("get", "jobs,pods,secrets", "--namespace", TRAINERS_NAMESPACE, "--output", "name");
  await expect.poll(left, { timeout: 120_000, interval: 500 }).toBe("");
}

/** Of a service's own rows, by its own verb. */
export async function expectInvariants(service: string): Promise<void> {
  const program = ["node", `services/${service}/src/main.ts`, "invariants"];
  const pod = [
    "exec",
    "--namespace",
    SERVICES_NAMESPACE,
    `deployment/gradients-${service}`,
    "--",
    ...program,
  ];
  expect(await kubectl(...pod)).toMatch(/(\d+) of \1 invariants hold/);
}
