export { type DevAccount, type DevAccounts, devAccounts } from "./dev-accounts.ts";
export { type DevChain, type DevChainControl, type DevChainOptions, startDevChain } from "./dev-chain.ts";
export type { SubmitFault } from "./rpc/server.ts";
