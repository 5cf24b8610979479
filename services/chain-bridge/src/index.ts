export { type ChainBridgeOverrides, createChainBridge } from "./chain-bridge.ts";
export { type ChainBridgeConfig, loadConfig } from "./config.ts";
