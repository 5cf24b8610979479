export { TestApiServer } from "./api-server.ts";
export type { KubeObject } from "./store.ts";
