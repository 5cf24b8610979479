import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GetSubnetResponseSchema } from "@gradients/contracts/chain";
import { RpcError } from "@gradients/rpc";
import { findSignerProblem, findWeightsProblem } from "../app/refusal.ts";
import type { Chain } from "../chain/chain.ts";
import type { Deps } from "../deps.ts";
import { chainProblems, describeProblem } from "../domain/chain-problem.ts";

export const getSubnet =
  (deps: Deps) => async (): Promise<MessageInitShape<typeof GetSubnetResponseSchema>> => {
    const chain = deps.link.current;
    if (!chain)
      throw new RpcError("UNAVAILABLE", "CHAIN_UNREACHABLE", chainProblems.CHAIN_UNREACHABLE, {
        retryAfterMs: 1_000,
      });
    const identity = identityOf(deps, chain);
    if (chain.missingCapabilities().length > 0) {
      const problem = await findSignerProblem(deps, chain);
      return { ...identity, readOnlyReason: problem ? describeProblem(problem) : "" };
    }
    const subnet = await chain.readSubnet(await chain.bestHead());
    const problem = await findWeightsProblem(deps, chain, subnet);
    return {
      ...identity,
      epoch: BigInt(subnet.epoch),
      nextEpochBlock: BigInt(subnet.nextEpochBlock),
      neurons: subnet.neurons.map(({ uid, hotkey, validatorPermit }) => ({ uid, hotkey, validatorPermit })),
      readOnlyReason: problem ? describeProblem(problem) : "",
    };
  };

function identityOf({ config }: Deps, { identity, heads }: Chain) {
  const { genesisHash, specName, specVersion } = identity;
  return {
    netuid: config.netuid,
    genesisHash,
    specName,
    specVersion,
    bestBlock: BigInt(heads.best),
    finalizedBlock: BigInt(heads.finalized),
  };
}
