import { Keyring } from "@polkadot/keyring";
import { cryptoWaitReady } from "@polkadot/util-crypto";

/** One neuron's keys. `hotkeyUri` is a secret URI under the well-known development phrase: never fund it on a real chain. */
export interface DevAccount {
  readonly hotkeyUri: string;
  readonly hotkey: string;
  readonly coldkeyUri: string;
  readonly coldkey: string;
}

export interface DevAccounts {
  /** Holds uid 0. Weights on it are burned. */
  readonly owner: DevAccount;
  /** Holds uid 1, with stake and permit. */
  readonly validator: DevAccount;
  /** Hold uid 2 and following. */
  readonly contestants: readonly DevAccount[];
}

const CONTESTANTS = 4;

/** The development keys, sr25519, ss58 prefix 42: `//gradients//owner`, `//gradients//validator`, `//gradients//contestant//1` to `//4`. */
export async function devAccounts(): Promise<DevAccounts> {
  await cryptoWaitReady();
  const keyring = new Keyring({ type: "sr25519", ss58Format: 42 });
  const address = (uri: string) => keyring.createFromUri(uri).address;
  const account = (hotkeyUri: string): DevAccount => {
    const coldkeyUri = `${hotkeyUri}//coldkey`;
    return { hotkeyUri, hotkey: address(hotkeyUri), coldkeyUri, coldkey: address(coldkeyUri) };
  };
  return {
    owner: account("//gradients//owner"),
    validator: account("//gradients//validator"),
    contestants: Array.from({ length: CONTESTANTS }, (_, index) =>
      account(`//gradients//contestant//${index + 1}`),
    ),
  };
}
