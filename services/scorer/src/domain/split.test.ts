import { Rng } from "@gradients/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NearDuplicateIndex, type RowGroups } from "./near-duplicates.ts";
import type { RowText } from "./row-profile.ts";
import { beginCommitment, chooseHeldout, heldoutSize, type SplitPolicy, verifyCommitment } from "./split.ts";

const policy: SplitPolicy = { heldoutShare: 0.1, heldoutRowsMin: 32, heldoutRowsMax: 400, trainRowsMin: 64 };
const salt = Buffer.alloc(32, 7);

describe("near-duplicates", () => {
  it("groups rows that differ in case, spacing, punctuation or a word, and keeps others apart", () => {
    const text = sentence(new Rng("a"), 40);
    const rows = [
      { prompt: text, answer: "yes" },
      { prompt: `  ${text.toUpperCase()}!! `, answer: "Yes." },
      { prompt: text.replace(/^\S+/, "another"), answer: "yes" },
      { prompt: sentence(new Rng("b"), 40), answer: "no" },
    ];
    const { groupOf } = group(rows);
    expect(Array.from(groupOf)).toEqual([0, 0, 0, 1]);
  });

  it("groups equal prompts with different answers", () => {
    const rows = [
      { prompt: "Name a colour.", answer: "The sea is blue on most days of summer" },
      { prompt: "name a colour", answer: "Grass in the meadow looks green after rain" },
    ];
    expect(Array.from(group(rows).groupOf)).toEqual([0, 0]);
  });

  it("does not take the template of all rows for likeness", () => {
    const template =
      "Read the dictionary entry below with care and write it as JSON with the keys word and topic, nothing else:";
    const rng = new Rng("template");
    const rows = Array.from({ length: 200 }, (_, index) => ({
      prompt: `${template} ${sentence(rng, 5)}`,
      answer: `{"word": "w${index}"}`,
    }));
    expect(group(rows).sizes.length).toBe(200);
  });

  it("does not group by a prompt that all rows share", () => {
    const rng = new Rng("joke");
    const rows = Array.from({ length: 100 }, () => ({
      prompt: "Tell me a joke.",
      answer: sentence(rng, 20),
    }));
    expect(group(rows).sizes.length).toBe(100);
  });

  it("leaves out exact repeats", () => {
    const index = new NearDuplicateIndex("s");
    expect(index.count({ prompt: "a", answer: "b" })).toBe(true);
    expect(index.count({ prompt: "a", answer: "b" })).toBe(false);
    expect(index.count({ prompt: "a", answer: "B" })).toBe(true);
    expect(index.rows).toBe(2);
  });

  it("works on scripts without spaces", () => {
    const rows = [
      { prompt: "今天天气很好我们去公园散步吧然后一起吃晚饭", answer: "好的" },
      { prompt: "今天天气很好我们去公园散步吧然后一起吃午饭", answer: "好的" },
      { prompt: "机器学习模型需要大量数据才能训练得到好的结果", answer: "是的" },
    ];
    expect(Array.from(group(rows).groupOf)).toEqual([0, 0, 1]);
  });
});

describe("chooseHeldout", () => {
  it("never puts near-duplicates on both sides", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 100, max: 140 }), (seed, families) => {
        const rng = new Rng(seed);
        const rows: (RowText & { family: number })[] = [];
        for (let family = 0; family < families; family++) {
          const text = sentence(rng, 30 + rng.int(30));
          rows.push({ family, prompt: text, answer: "answer" });
          for (let copies = rng.int(4) === 0 ? 3 : 0; copies > 0; copies--) {
            rows.push({ family, prompt: changeOneWord(rng, text), answer: "answer" });
          }
        }
        const shuffled = rng.shuffle(rows);
        const split = chooseHeldout(group(shuffled), salt, policy);
        if (!split.ok) throw new Error(split.error.kind);
        const heldout = new Set(split.value.heldoutRows);
        const sides = new Map<number, Set<boolean>>();
        for (const [row, { family }] of shuffled.entries()) {
          sides.set(family, (sides.get(family) ?? new Set()).add(heldout.has(row)));
        }
        expect([...sides.values()].every((side) => side.size === 1)).toBe(true);
      }),
      { numRuns: 12 },
    );
  });

  it("chooses the same rows whatever their order in the file", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const rng = new Rng(seed);
        const rows = Array.from({ length: 150 }, () => ({
          prompt: sentence(rng, 12),
          answer: sentence(rng, 3),
        }));
        expect(heldoutTexts(rng.shuffle(rows))).toEqual(heldoutTexts(rows));
      }),
      { numRuns: 10 },
    );
  });

  it("depends on the salt", () => {
    const rows = distinctRows(300);
    const other = chooseHeldout(group(rows), Buffer.alloc(32, 8), policy);
    expect(chooseHeldout(group(rows), salt, policy)).not.toEqual(other);
  });

  it("numbers clusters without gaps and keeps rows of a group in one", () => {
    const rng = new Rng("clusters");
    const rows = distinctRows(200).flatMap((row) =>
      rng.int(3) === 0 ? [row, { ...row, answer: `${row.answer}!` }] : [row],
    );
    const split = chooseHeldout(group(rows), salt, policy);
    if (!split.ok) throw new Error(split.error.kind);
    const { clusters, heldoutRows, trainRows } = split.value;
    expect(new Set(clusters)).toEqual(
      new Set(Array.from({ length: Math.max(...clusters) + 1 }, (_, cluster) => cluster)),
    );
    expect(clusters.length).toBe(heldoutRows.length);
    expect(heldoutRows.length + trainRows).toBe(rows.length);
  });

  it.each([
    [96, 32],
    [100, 32],
    [320, 32],
    [1_000, 100],
    [2_000, 200], // this and the next: domain.md H.2, "Split"
    [4_000, 400],
    [100_000, 400],
    [80, 16],
  ])("holds out of %i rows %i", (rows, heldout) => {
    expect(heldoutSize(rows, policy)).toBe(heldout);
  });

  it("refuses too few rows with the numbers", () => {
    const split = chooseHeldout(group(distinctRows(95)), salt, policy);
    expect(split).toEqual({ ok: false, error: { kind: "too_small", rows: 95, rowsNeeded: 96 } });
  });

  it("refuses rows that are nearly all alike", () => {
    const rng = new Rng("alike");
    const texts = Array.from({ length: 5 }, () => sentence(rng, 40));
    const rows = Array.from({ length: 15 }, (_, copy) =>
      texts.map((text) => ({ prompt: `${text} ${copy}`, answer: "a" })),
    ).flat();
    const roomy = { ...policy, heldoutRowsMin: 10, trainRowsMin: 20 };
    expect(chooseHeldout(group(rows), salt, roomy)).toMatchObject({
      ok: false,
      error: { kind: "too_repetitive", rows: 75, groups: 5 },
    });
  });
});

describe("the commitment", () => {
  it("verifies for its own salt and rows only", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(),
        (bytes, secret, place) => {
          const commitment = beginCommitment(secret).update(bytes).digest("hex");
          expect(verifyCommitment(commitment, secret, bytes)).toBe(true);
          expect(verifyCommitment(commitment, secret, flipBit(bytes, place))).toBe(false);
          expect(verifyCommitment(commitment, flipBit(secret, place), bytes)).toBe(false);
        },
      ),
    );
  });
});

function group(rows: readonly RowText[]): RowGroups {
  const index = new NearDuplicateIndex("test");
  const kept = rows.filter((row) => index.count(row));
  for (const row of kept) index.place(row);
  return index.groups();
}

function heldoutTexts(rows: readonly RowText[]): string[] {
  const split = chooseHeldout(group(rows), salt, policy);
  if (!split.ok) throw new Error(split.error.kind);
  return split.value.heldoutRows.map((row) => rows[row]?.prompt ?? "").sort();
}

function distinctRows(count: number): RowText[] {
  const rng = new Rng("distinct");
  return Array.from({ length: count }, () => ({ prompt: sentence(rng, 20), answer: sentence(rng, 4) }));
}

function sentence(rng: Rng, words: number): string {
  return Array.from({ length: words }, () => `w${rng.int(5_000)}`).join(" ");
}

function changeOneWord(rng: Rng, text: string): string {
  const words = text.split(" ");
  words[rng.int(words.length)] = `changed${rng.int(1_000_000)}`;
  return words.join(" ");
}

function flipBit(bytes: Uint8Array, place: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  const index = place % flipped.length;
  flipped[index] = (flipped[index] ?? 0) ^ 1;
  return flipped;
}
