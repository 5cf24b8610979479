/** What a model answered to one held-out prompt. */
export interface GeneratedAnswer {
  readonly prompt: string;
  readonly reference: string;
  readonly generated: string;
}

/** Answers of the base model and of the attempts to one held-out prompt. */
export interface Sample {
  readonly row: number;
  readonly prompt: string;
  readonly reference: string;
  readonly baseAnswer: string;
  readonly answers: Readonly<Record<string, string>>;
}

/** All samples together stay well below the size limit of an event, in any script. */
const TOTAL_CHARACTERS = 100_000;
const TEXT_CHARACTERS = 4_000;

/** The first rows that the base model answered, side by side with the attempts' answers. Long texts are cut. */
export function collectSamples(
  base: ReadonlyMap<number, GeneratedAnswer>,
  attempts: ReadonlyMap<string, ReadonlyMap<number, GeneratedAnswer>>,
  count: number,
): readonly Sample[] {
  const rows = [...base.keys()].sort((a, b) => a - b).slice(0, count);
  const texts = rows.length * (attempts.size + 3);
  const limit = Math.min(TEXT_CHARACTERS, Math.floor(TOTAL_CHARACTERS / Math.max(1, texts)));
  return rows.flatMap((row) => {
    const answer = base.get(row);
    return answer ? [toSample(row, answer, attempts, limit)] : [];
  });
}

function toSample(
  row: number,
  { prompt, reference, generated }: GeneratedAnswer,
  attempts: ReadonlyMap<string, ReadonlyMap<number, GeneratedAnswer>>,
  limit: number,
): Sample {
  const answers = [...attempts].flatMap(([attemptId, byRow]) => {
    const answer = byRow.get(row);
    return answer ? [[attemptId, cut(answer.generated, limit)] as const] : [];
  });
  return {
    row,
    prompt: cut(prompt, limit),
    reference: cut(reference, limit),
    baseAnswer: cut(generated, limit),
    answers: Object.fromEntries(answers),
  };
}

/** Never between the halves of a surrogate pair. */
function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
