import type { SampleAnswerJson } from "@gradients/contracts/event";
import type { VerdictJson } from "@gradients/contracts/gateway";

/** The base model's and the winner's answers to held-out prompts, side by side with the reference. */
export function Answers({ verdict }: { readonly verdict: VerdictJson }) {
  const samples = verdict.samples ?? [];
  const winner = verdict.winnerAttemptId ?? "";
  if (samples.length === 0) return null;
  return (
    <section className="card space-y-4">
      <h2 className="font-semibold">Answers to held-out prompts</h2>
      {samples.map((sample) => (
        <article key={sample.row} className="space-y-2 border-t border-line pt-3 first-of-type:border-0">
          <p className="text-sm whitespace-pre-wrap">{sample.prompt}</p>
          <div className="grid gap-3 md:grid-cols-3">
            <Answer title="Base model" text={sample.baseAnswer} sample={sample} />
            <Answer title="Tuned model" text={sample.answers?.[winner]} sample={sample} />
            <Answer title="Reference" text={sample.reference} sample={sample} />
          </div>
        </article>
      ))}
    </section>
  );
}

function Answer({
  title,
  text,
  sample,
}: {
  readonly title: string;
  readonly text: string | undefined;
  readonly sample: SampleAnswerJson;
}) {
  const right = text?.trim() === sample.reference?.trim();
  return (
    <div
      className={`rounded-lg border p-3 ${right ? "border-emerald-300 bg-emerald-50" : "border-line bg-slate-50"}`}
    >
      <p className="label mb-1">
        {title} {title !== "Reference" && (right ? "✓" : "✗")}
      </p>
      <pre className="font-mono text-xs break-words whitespace-pre-wrap">{text ?? "(no answer)"}</pre>
    </div>
  );
}
