import type { ChainEngine } from "./chain/chain-engine.ts";
import { startRpcServer } from "./rpc/server.ts";

/** A second node of the chain, behind the first by as many blocks as it is told. */
export interface LaggingNode {
  readonly url: string;
  /** Blocks behind from now on; a node never goes back. Infinity stops it. */
  setLag(blocks: number): void;
  close(): Promise<void>;
}

/** It hands on what is submitted to it, as gossip does; what its own pool refuses goes no further. */
export async function startLaggingNode(leader: ChainEngine, host: string): Promise<LaggingNode> {
  const node = leader.peer();
  let lag = 0;
  const follow = () => {
    const head = leader.tree.at(leader.tree.best.number - lag);
    if (head && head.number > node.tree.best.number) node.import(head, leader.tree);
  };
  follow();
  const stopFollowing = leader.listen({
    onImported: () => undefined,
    onBest: follow,
    onFinalized: () => undefined,
  });
  node.onSubmitted = (bytes) => {
    try {
      leader.submit(bytes);
    } catch {
      // The leader knows better; this node finds out when it gets there.
    }
  };
  const server = await startRpcServer(node, host, 0);
  return {
    url: server.url,
    setLag: (blocks) => {
      lag = blocks;
      follow();
    },
    close: () => {
      stopFollowing();
      return server.close();
    },
  };
}
