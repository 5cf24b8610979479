export { checkOutcome } from "./check-outcome.ts";
export { type Accepted, Customer } from "./customer.ts";
export { History, type HistoryEntry } from "./history.ts";
export { podProcesses } from "./pods.ts";
export type { Environment } from "./service-process.ts";
export { type ServiceName, type System, type SystemOptions, serviceNames, startSystem } from "./system.ts";
export type { Violation } from "./violation.ts";
