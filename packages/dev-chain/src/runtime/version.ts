import { blake2AsHex } from "@polkadot/util-crypto";

export const SPEC_NAME = "node-subtensor";
export const SPEC_VERSION = 425;
export const TRANSACTION_VERSION = 1;

/** As `state_getRuntimeVersion` gives it: each runtime API is named by the first eight bytes of the Blake2 hash of its name. */
export function runtimeVersion(): object {
  const apis = [
    ["Core", 5],
    ["Metadata", 2],
    ["AccountNonceApi", 1],
    ["TransactionPaymentApi", 4],
    ["SubnetInfoRuntimeApi", 2],
    ["SwapRuntimeApi", 1],
  ] as const;
  return {
    specName: SPEC_NAME,
    implName: SPEC_NAME,
    authoringVersion: 1,
    specVersion: SPEC_VERSION,
    implVersion: 1,
    apis: apis.map(([name, version]) => [blake2AsHex(name, 64), version]),
    transactionVersion: TRANSACTION_VERSION,
    stateVersion: 1,
  };
}
