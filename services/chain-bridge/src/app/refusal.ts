import type { Chain } from "../chain/chain.ts";
import type { Deps } from "../deps.ts";
import type { ProblemReport } from "../domain/chain-problem.ts";
import { type Subnet, subnetObstacle } from "../domain/plan-weights.ts";

/** Why the bridge will not sign on this connection, before the subnet is even looked at; undefined when it will. */
export async function findSignerProblem(
  { config, signer }: Deps,
  chain: Chain,
): Promise<ProblemReport | undefined> {
  const missing = chain.missingCapabilities();
  if (missing.length > 0) return { code: "CAPABILITY_MISSING", detail: missing.join(", ") };
  if (config.mode === "read-only" || !signer) return { code: "READ_ONLY_MODE", detail: "" };
  if (await chain.ownsHotkeys(signer.address)) return { code: "SIGNER_IS_COLDKEY", detail: signer.address };
  return undefined;
}

/** The same, and what the subnet has against weights from us. */
export async function findWeightsProblem(
  deps: Deps,
  chain: Chain,
  subnet: Subnet,
): Promise<ProblemReport | undefined> {
  const versionKey = BigInt(deps.config.versionKey);
  return (
    (await findSignerProblem(deps, chain)) ??
    subnetObstacle({ subnet, hotkey: deps.signer?.address ?? "", versionKey })
  );
}
