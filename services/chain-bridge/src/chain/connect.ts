import { ApiPromise, WsProvider } from "@polkadot/api";
import type { ProviderInterface } from "@polkadot/rpc-provider/types";

export interface Connection {
  readonly api: ApiPromise;
  readonly provider: ProviderInterface;
  readonly closed: Promise<void>;
}

const REQUEST_TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 20_000;

/** Extensions of subtensor that add no bytes; named so that the library does not warn of them. */
const SIGNED_EXTENSIONS = Object.fromEntries(
  [
    "CheckNonZeroSender",
    "CheckShieldedTxValidity",
    "SubtensorTransactionExtension",
    "DrandPriority",
    "SudoTransactionExtension",
  ].map((name) => [name, { extrinsic: {}, payload: {} }]),
);

/** Connects to one endpoint, once: it neither retries nor reconnects, because after a loss the endpoint must prove again which chain it serves. */
export async function connect(endpoint: string, signal: AbortSignal): Promise<Connection> {
  const socket = new WsProvider(endpoint, false, {}, REQUEST_TIMEOUT_MS);
  // Its optional properties are declared without `undefined`, which ProviderInterface has.
  const provider = socket as unknown as ProviderInterface;
  try {
    await withinLimit(signal, openSocket(socket));
    const closed = new Promise<void>((resolve) => socket.on("disconnected", () => resolve()));
    const created = ApiPromise.create({
      provider,
      noInitWarn: true,
      throwOnConnect: true,
      signedExtensions: SIGNED_EXTENSIONS,
    });
    created.catch(() => undefined); // may fail after the limit has passed
    return { api: await withinLimit(signal, created), provider, closed };
  } catch (error) {
    await socket.disconnect().catch(() => undefined);
    throw error;
  }
}

async function openSocket(socket: WsProvider): Promise<void> {
  const opened = new Promise<void>((resolve, reject) => {
    socket.on("connected", () => resolve());
    socket.on("error", () => reject(new Error(`Cannot connect to ${socket.endpoint}`)));
  });
  await socket.connect();
  await opened;
}

function withinLimit<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  const aborted = new Promise<never>((_resolve, reject) => {
    limit.addEventListener("abort", () => reject(limit.reason as Error), { once: true });
  });
  return Promise.race([work, aborted]);
}
