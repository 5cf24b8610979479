export { TestApiServer } from "./api-server.ts";
