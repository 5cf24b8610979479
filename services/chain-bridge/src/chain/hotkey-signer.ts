import { Keyring } from "@polkadot/keyring";
import { blake2AsU8a, cryptoWaitReady } from "@polkadot/util-crypto";

/** Signs weight calls with the validator's hotkey, and nothing else. */
export interface HotkeySigner {
  readonly address: string;
  /** The signature, with its kind in front, over a call and the extension bytes that follow it. Throws for any other call. */
  signWeightsCall(call: Uint8Array, extensions: Uint8Array): Promise<Uint8Array>;
}

/** SubtensorModule.set_mechanism_weights, by pallet and call index (chain.md 2.1). */
export const WEIGHTS_CALL = [7, 119] as const;

const SS58_PREFIX = 42;
const MAX_PLAIN_PAYLOAD_BYTES = 256;

/** From a secret URI: a mnemonic, a 0x seed, or either with a derivation path. The secret is kept in this closure only. */
export async function createHotkeySigner(secretUri: string): Promise<HotkeySigner> {
  await cryptoWaitReady();
  const pair = keyPair(secretUri);
  return {
    address: pair.address,
    signWeightsCall: async (call, extensions) => {
      if (call[0] !== WEIGHTS_CALL[0] || call[1] !== WEIGHTS_CALL[1]) {
        throw new Error(`The hotkey signs weight calls only, not call ${call[0]}.${call[1]}`);
      }
      const payload = Buffer.concat([call, extensions]);
      return pair.sign(payload.length > MAX_PLAIN_PAYLOAD_BYTES ? blake2AsU8a(payload) : payload, {
        withType: true,
      });
    },
  };
}

function keyPair(secretUri: string) {
  try {
    return new Keyring({ type: "sr25519", ss58Format: SS58_PREFIX }).createFromUri(secretUri);
  } catch {
    // The library's message may quote the secret.
    throw new Error("The hotkey's secret is neither a mnemonic nor a seed nor a secret URI");
  }
}
