import type { Deps } from "../deps.ts";
import { newestChain } from "../store/cursor.ts";
import type { ChainKey } from "../store/schema.ts";

/** The chain that questions are about: the connected one, the configured one, or the one last followed; undefined before there was any. */
export async function askedChain({ config, db, link }: Deps): Promise<ChainKey | undefined> {
  const { netuid } = config;
  const genesisHash =
    link.current?.identity.genesisHash ?? config.genesisHash ?? (await newestChain(db, netuid));
  return genesisHash === undefined ? undefined : { genesisHash, netuid };
}
