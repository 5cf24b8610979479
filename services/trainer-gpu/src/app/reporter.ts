import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProgressPointSchema } from "@gradients/contracts/event";
import { Directive } from "@gradients/contracts/trainer";
import { type Clock, systemClock } from "@gradients/kernel";
import { backoffDelays, type Logger, withoutSpans } from "@gradients/runtime";
import { type Halt, Halted } from "./halt.ts";
import type { Relay } from "./relay.ts";

type Point = MessageInitShape<typeof ProgressPointSchema>;

/** What one report may carry; while the relay is away, older points give way. */
const MAX_POINTS = 1_000;
const REPORT_MS = 1_000;

/** Heartbeats and figures: every second while there are figures, else at the pace that the relay asked for. Never stops the work when the relay is away. */
export class Reporter {
  readonly #relay: Pick<Relay, "report">;
  readonly #halt: Halt;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #phase = "staging";
  #points: Point[] = [];

  constructor(relay: Pick<Relay, "report">, halt: Halt, logger: Logger, clock: Clock = systemClock) {
    this.#relay = relay;
    this.#halt = halt;
    this.#logger = logger;
    this.#clock = clock;
  }

  enter(phase: string): void {
    this.#phase = phase;
  }

  add(point: Point): void {
    this.#points.push(point);
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }

  /** Until the signal aborts. */
  async run(heartbeatSeconds: number, signal: AbortSignal): Promise<void> {
    let delays = backoffDelays({ initialMs: 500, maxMs: 3_000 });
    let lastSent = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const now = this.#clock.elapsedMs();
      const isDue = this.#points.length > 0 || now - lastSent >= heartbeatSeconds * 1000;
      const isSent = isDue && (await this.#send(signal));
      if (isSent) {
        lastSent = now;
        delays = backoffDelays({ initialMs: 500, maxMs: 3_000 });
      }
      const pauseMs = isDue && !isSent ? delays.next().value : REPORT_MS;
      await this.#clock.sleep(pauseMs, signal).catch(() => {}); // the loop's condition tells
    }
  }

  /** Sends what is there once more, if the relay can be reached. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#points.length > 0) await this.#send(signal);
  }

  async #send(signal: AbortSignal): Promise<boolean> {
    const points = this.#points;
    this.#points = [];
    try {
      const report = { phase: this.#phase, points };
      const { directive } = await withoutSpans(() => this.#relay.report(report, signal)); // once a second for hours
      if (directive === Directive.STOP) this.#halt.request("stopped");
      return true;
    } catch (error) {
      this.#points = [...points, ...this.#points].slice(-MAX_POINTS);
      if (!signal.aborted && !(error instanceof Halted))
        this.#logger.warn({ err: error }, "report not delivered, going on");
      return false;
    }
  }
}
