import { type Clock, systemClock } from "@gradients/kernel";

const BYTES_PER_SECOND = 1024 * 1024;
/** What a line costs beside its bytes: five hundred a second at most. */
const LINE_COST = 2 * 1024;

/**
 * The lines of a writer who is not trusted: of each at most `maxBytes`, the rest of it is dropped, and no more of them than can be worked on with ease. A
 * writer that is faster has to wait.
 */
export async function* boundedLines(
  stream: AsyncIterable<Buffer>,
  maxBytes: number,
  clock: Clock = systemClock,
): AsyncGenerator<string> {
  const pace = new Pace(clock);
  let kept = Buffer.alloc(0);
  for await (const chunk of stream) {
    await pace.spend(chunk.byteLength);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = join(kept, chunk.subarray(start, end), maxBytes);
      kept = Buffer.alloc(0);
      start = end + 1;
      await pace.spend(LINE_COST);
      yield line.toString();
    }
    kept = join(kept, chunk.subarray(start), maxBytes);
  }
  if (kept.byteLength > 0) yield kept.toString();
}

const NEWLINE = 0x0a;

function join(kept: Buffer, more: Buffer, maxBytes: number): Buffer<ArrayBuffer> {
  const room = maxBytes - kept.byteLength;
  return room > 0 ? Buffer.concat([kept, more.subarray(0, room)]) : Buffer.from(kept);
}

/** So much a second, counted from the first spending of each. */
class Pace {
  readonly #clock: Clock;
  #since = 0;
  #spent = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async spend(cost: number): Promise<void> {
    const now = this.#clock.elapsedMs();
    const restMs = this.#since + 1000 - now;
    if (restMs > 0 && this.#spent + cost > BYTES_PER_SECOND) await this.#clock.sleep(restMs);
    if (restMs <= 0 || this.#spent + cost > BYTES_PER_SECOND) {
      this.#since = this.#clock.elapsedMs();
      this.#spent = 0;
    }
    this.#spent += cost;
  }
}
