export { type DeleteOptions, KubeClient, type WriteGate } from "./client.ts";
export { connectionFrom, type KubeConnection } from "./connection.ts";
export { isKube, KubeError, type KubeErrorKind } from "./errors.ts";
export { LeaseElector, type LeaseElectorOptions, type LeaseTimes } from "./lease-elector.ts";
export { RateLimiter } from "./rate-limiter.ts";
export { type Change, Reflector, type ReflectorTimes } from "./reflector.ts";
export * from "./resources.ts";
export { KubeTransport } from "./transport.ts";
