import type { EngineEvent } from "./engine-events.ts";
import type { Halt } from "./halt.ts";

/**
 * How the agent has an engine work: as a child process of its own, or as a program in a container beside it that comes by a socket. Whatever runs there is
 * not trusted: it may send rubbish, lie about its end, or not end at all.
 */
export interface EngineRunner extends AsyncDisposable {
  /** Has `spec.json` in the work folder worked on and hands on the events in order. Ends the engine when the halt asks for that; one call. */
  run(work: EngineWork, halt: Halt, onEvent: (event: EngineEvent) => void): Promise<EngineEnd>;
}

export interface EngineWork {
  readonly workDir: string;
  readonly threads: number;
  /** From asking the engine to save and end, to ending it. */
  readonly stopSeconds: number;
}

export interface EngineEnd {
  /** What it said or left; null when it was killed or went away without a word. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines that it wrote to its standard output and error, where these come to us. */
  readonly lastLines: readonly string[];
}
