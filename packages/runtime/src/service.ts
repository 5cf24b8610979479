/** Where a started part can be reached, e.g. `{ grpc: "127.0.0.1:50051", http: "http://127.0.0.1:8080" }`. */
export type Addresses = Readonly<Record<string, string>>;

/** A service as its process, the development network and the tests see it. */
export interface Service {
  readonly name: string;
  /** Makes it ready and listening. Rejects, with everything already started stopped again, when a part cannot start. */
  start(): Promise<Addresses>;
  /** Resolves after an orderly stop once the signal aborts; rejects, after the same orderly stop, when a part dies on its own. */
  run(signal: AbortSignal): Promise<void>;
}
