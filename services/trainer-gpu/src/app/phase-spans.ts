import { type Span, tracer } from "@gradients/runtime";
import type { CheckpointEvent, EngineEvent } from "./engine-events.ts";

/** An engine that makes phases up does not fill the operators' traces with them. */
const MAX_PHASES = 50;

/** One span for each phase of the work (staging, loading, training, saving, ...) below the attempt's: what a step did last is noted there, not one span for each. */
export class PhaseSpans {
  #span: Span | undefined;
  #entered = 0;

  enter(phase: string): void {
    if (this.#entered++ >= MAX_PHASES) return;
    this.end();
    this.#span = tracer("trainer-gpu").startSpan(phase);
  }

  step({ step, tokens, loss }: Extract<EngineEvent, { type: "progress" }>): void {
    this.#span?.setAttributes({
      "gradients.step": Number(step),
      "gradients.tokens": Number(tokens),
      "gradients.loss": loss,
    });
  }

  checkpoint({ step, train_seconds: trainSeconds }: CheckpointEvent): void {
    this.#span?.addEvent("checkpoint", {
      "gradients.step": Number(step),
      "gradients.train_seconds": trainSeconds,
    });
  }

  end(): void {
    this.#span?.end();
    this.#span = undefined;
  }
}
