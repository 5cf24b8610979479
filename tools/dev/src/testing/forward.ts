import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A port of this machine's loopback, offered at another of its addresses under the same number. */
export interface Forward extends AsyncDisposable {
  /** Ends what is connected, and returns how many that were; who connects anew gets through. */
  cut(): number;
}

export async function forward(host: string, port: number): Promise<Forward> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((outer) => {
    const inner = connect(port, "127.0.0.1");
    for (const socket of [outer, inner]) keep(socket);
    outer.pipe(inner);
    inner.pipe(outer);
    outer.once("close", () => inner.destroy());
    inner.once("close", () => outer.destroy());
  });
  server.listen(port, host);
  await once(server, "listening");
  const cut = () => {
    const pairs = sockets.size / 2;
    for (const socket of sockets) socket.destroy();
    return pairs;
  };
  return {
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
