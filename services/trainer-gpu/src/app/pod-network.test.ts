import { expect, test } from "vitest";
import { podNetwork } from "./pod-network.ts";

const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "6443" };

test("the API server and the resolvers outside of the pod are tried", () => {
  const servers = ["10.96.0.10", "fd00::a", "127.0.0.53", "::1", "10.96.0.10:5353"];
  expect(podNetwork(env, servers, [])).toEqual({
    apiServer: { host: "10.96.0.1", port: 6_443 },
    resolvers: [
      { host: "10.96.0.10", port: 53 },
      { host: "fd00::a", port: 53 },
    ],
    isDnsOpen: false,
  });
  expect(podNetwork(env, [], ["--open-dns"])).toMatchObject({ resolvers: [], isDnsOpen: true });
});

test.each([
  ["KUBERNETES_SERVICE_HOST", ""],
  ["KUBERNETES_SERVICE_HOST", undefined],
  ["KUBERNETES_SERVICE_HOST", "kubernetes.default"],
  ["KUBERNETES_SERVICE_PORT", ""],
  ["KUBERNETES_SERVICE_PORT", "0"],
  ["KUBERNETES_SERVICE_PORT", "https"],
])("an API server that cannot be tried is no closed network: %s=%s", (name, value) => {
  expect(() => podNetwork({ ...env, [name]: value }, [], [])).toThrow(name);
});

test("a word that it does not know is refused", () => {
  expect(() => podNetwork(env, [], ["--dns"])).toThrow('not "--dns"');
});
