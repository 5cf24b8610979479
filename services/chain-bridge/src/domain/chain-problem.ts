/** What can stand between the platform and its weights on the chain, with what the operator does about it (chain.md 2.5). */
export const chainProblems = {
  READ_ONLY_MODE: "The bridge is configured read-only; set CHAIN_BRIDGE_MODE=active to submit weights.",
  CHAIN_UNREACHABLE:
    "No endpoint answers, or none is of the configured chain; check CHAIN_BRIDGE_ENDPOINTS and the node.",
  CAPABILITY_MISSING:
    "The runtime lacks or changed calls, storage or events that the bridge needs; upgrade the bridge.",
  SIGNER_IS_COLDKEY:
    "The configured key owns hotkeys, so it is a coldkey; configure the validator's hotkey and keep the coldkey offline.",
  COMMIT_REVEAL_ENABLED:
    "The subnet takes weights by commit-reveal only, which this version does not do; disable it or upgrade the bridge.",
  HOTKEY_NOT_REGISTERED: "The validator's hotkey holds no uid on the subnet; register it again.",
  NO_VALIDATOR_PERMIT:
    "The validator is not among the top stakes, or has been since the last epoch only; add stake or wait for an epoch.",
  STAKE_TOO_LOW: "The validator's stake is below the chain's threshold; add stake or use the right hotkey.",
  RATE_LIMITED: "Weights were set too recently; the bridge waits for the subnet's rate limit.",
  WEIGHT_VERSION_KEY: "The subnet's owner asks for a newer weights version; upgrade the bridge.",
  MIN_ALLOWED_WEIGHTS:
    "The subnet asks for more entries than there are contestants with points; lower min_allowed_weights.",
  NO_RECIPIENT: "Nobody can be weighed: the subnet owner's hotkey holds no uid to burn on; register it.",
  VECTOR_REFUSED: "The chain refused the vector's form, mostly because uids changed; the bridge rebuilds it.",
  MECHANISM_MISSING:
    "The subnet was dissolved or has no such mechanism; check CHAIN_BRIDGE_NETUID and CHAIN_BRIDGE_MECID.",
  COLDKEY_SWAP: "A coldkey swap is announced or disputed for the wallet; finish it.",
  FEE_UNPAYABLE:
    "The account cannot pay a fee; weight calls are free unless they are wrapped in a proxy or batch.",
  NONCE_STALE: "The nonce was used by another extrinsic of this hotkey; nothing else may sign with it.",
  NONCE_FUTURE: "An earlier extrinsic of this hotkey is missing; nothing else may sign with it.",
  BAD_PROOF:
    "The signature does not fit the chain: its runtime was upgraded or the era has passed; the bridge signs anew.",
  BLOCK_FULL: "The block was full; the bridge tries the next one.",
  POOL_CONFLICT: "The pool holds another extrinsic with this nonce; nothing else may sign with this hotkey.",
  ERA_EXPIRED: "The extrinsic was not included while it was valid; the bridge signs anew.",
  NO_WEIGHTS_EVENT: "The extrinsic was included but WeightsSet for our uid was not among its events.",
  READ_BACK_MISMATCH:
    "The chain holds another vector than the one sent; check who else signs with this hotkey.",
  UNKNOWN: "The node gave a reason that the bridge does not know; it stands in the detail.",
} as const;

export type ChainProblem = keyof typeof chainProblems;

export interface ProblemReport {
  readonly code: ChainProblem;
  /** The node's own words, or what was found. */
  readonly detail: string;
}

/** For people: code, cure, detail. */
export function describeProblem({ code, detail }: ProblemReport): string {
  return `${code}: ${chainProblems[code]}${detail ? ` (${detail})` : ""}`;
}

/** Reads the node's refusal of a submission, e.g. "1010: Invalid Transaction: Custom error: 6" or `1010 {"invalid":{"custom":6}}`. */
export function problemOfPoolError(message: string): ProblemReport {
  const custom = /custom(?: error)?"?\s*:\s*(\d+)/i.exec(message)?.[1];
  const named = POOL_TEXTS.find(([pattern]) => pattern.test(message))?.[1];
  const code = custom === undefined ? named : CUSTOM_CODES[Number(custom)];
  return { code: code ?? "UNKNOWN", detail: message };
}

/** By the name that the block's own metadata gives a dispatch error; its index moves between specs. */
export function problemOfDispatchError(name: string): ProblemReport {
  return { code: DISPATCH_NAMES[name] ?? "UNKNOWN", detail: name };
}

/**
 * The pool, or the chain, already has the extrinsic or its nonce, or the pool had it and will not look at it for a while (1012): what became of it is for
 * the finalized blocks to say.
 */
export function isUndecided({ code, detail }: ProblemReport): boolean {
  return code === "NONCE_STALE" || /\b101[23]\b|already imported|temporarily banned/i.test(detail);
}

const CUSTOM_CODES: Readonly<Record<number, ChainProblem>> = {
  0: "COLDKEY_SWAP",
  1: "STAKE_TOO_LOW",
  6: "RATE_LIMITED",
  18: "VECTOR_REFUSED",
  19: "HOTKEY_NOT_REGISTERED",
  21: "COLDKEY_SWAP",
};

const POOL_TEXTS: readonly (readonly [RegExp, ChainProblem])[] = [
  [/outdated|"stale"/i, "NONCE_STALE"],
  [/valid in the future|"future"/i, "NONCE_FUTURE"],
  [/bad signature|badproof/i, "BAD_PROOF"],
  [/ancient birth block|ancientbirthblock/i, "BAD_PROOF"],
  [/pay some fees|"payment"/i, "FEE_UNPAYABLE"],
  [/exhaust/i, "BLOCK_FULL"],
  [/\b1014\b|priority is too low/i, "POOL_CONFLICT"],
];

const DISPATCH_NAMES: Readonly<Record<string, ChainProblem>> = {
  CommitRevealEnabled: "COMMIT_REVEAL_ENABLED",
  CanNotSetRootNetworkWeights: "MECHANISM_MISSING",
  MechanismDoesNotExist: "MECHANISM_MISSING",
  SubNetworkDoesNotExist: "MECHANISM_MISSING",
  HotKeyNotRegisteredInSubNet: "HOTKEY_NOT_REGISTERED",
  NotEnoughStakeToSetWeights: "STAKE_TOO_LOW",
  IncorrectWeightVersionKey: "WEIGHT_VERSION_KEY",
  SettingWeightsTooFast: "RATE_LIMITED",
  NeuronNoValidatorPermit: "NO_VALIDATOR_PERMIT",
  WeightVecLengthIsLow: "MIN_ALLOWED_WEIGHTS",
  WeightVecNotEqualSize: "VECTOR_REFUSED",
  UidsLengthExceedUidsInSubNet: "VECTOR_REFUSED",
  DuplicateUids: "VECTOR_REFUSED",
  UidVecContainInvalidOne: "VECTOR_REFUSED",
  MaxWeightExceeded: "VECTOR_REFUSED",
};
