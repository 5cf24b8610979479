import type { Logger } from "@gradients/runtime";
import { boundedLines } from "./bounded-lines.ts";
import { type EngineMessage, parseEngineMessage } from "./engine-events.ts";

const MAX_LINE_BYTES = 64 * 1024;
/** The customer's log is not the place for what an engine makes up. */
const MAX_LOGGED = 5;

/** What an engine says, in order; lines that are none of the protocol's are passed over. */
export async function* readEvents(
  stream: AsyncIterable<Buffer>,
  logger: Logger,
): AsyncGenerator<EngineMessage> {
  let oddLines = 0;
  const onError = (err: unknown) => {
    oddLines++;
    if (oddLines <= MAX_LOGGED) logger.error({ err }, "the engine sent a line that is no event of ours");
  };
  try {
    for await (const line of boundedLines(stream, MAX_LINE_BYTES)) {
      const message = parseOr(line, onError);
      if (message) yield message;
    }
  } finally {
    if (oddLines > MAX_LOGGED) logger.error({ lines: oddLines }, "the engine sent lines that are no events");
  }
}

function parseOr(line: string, onError: (error: unknown) => void): EngineMessage | undefined {
  try {
    return parseEngineMessage(line);
  } catch (error) {
    onError(error);
    return undefined;
  }
}
