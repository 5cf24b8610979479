import { createHash } from "node:crypto";

/** What is asked and what is to be answered in one row. */
export interface RowText {
  readonly prompt: string;
  readonly answer: string;
}

/** What the grouping of near-duplicates looks at in one row. */
export interface RowProfile {
  /** SHA-256 of the exact text, cut to 128 bits: equal for true repeats only. */
  readonly exactKey: Buffer;
  /** Hash of the words in order: equal when case, spacing and punctuation are the only differences. */
  readonly textKey: number;
  /** The same for the prompt alone. */
  readonly promptKey: number;
  /** Hashes of the distinct word shingles. */
  readonly shingles: ReadonlySet<number>;
}

const SHINGLE_WORDS = 3;

/** Scripts written without spaces count by character, all others by word. */
const WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[[\p{L}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]]+/gv;

export function profileRow({ prompt, answer }: RowText): RowProfile {
  const promptWords = wordHashes(prompt);
  const words = [...promptWords, ...wordHashes(answer)];
  return {
    exactKey: createHash("sha256")
      .update(JSON.stringify([prompt, answer]))
      .digest()
      .subarray(0, 16),
    textKey: hashSequence(words, 0, words.length),
    promptKey: hashSequence(promptWords, 0, promptWords.length),
    shingles: shinglesOf(words),
  };
}

function wordHashes(text: string): number[] {
  const normal = text.normalize("NFKC").toLowerCase();
  return Array.from(normal.matchAll(WORDS), ([word]) => hashText(word));
}

/** Runs of three words; the whole text when it is shorter. */
function shinglesOf(words: readonly number[]): ReadonlySet<number> {
  const shingles = new Set<number>();
  const last = Math.max(0, words.length - SHINGLE_WORDS);
  if (words.length === 0) return shingles;
  for (let start = 0; start <= last; start++) shingles.add(hashSequence(words, start, start + SHINGLE_WORDS));
  return shingles;
}

function hashSequence(words: readonly number[], start: number, end: number): number {
  let hash = 0x9e3779b9;
  for (const word of words.slice(start, end)) hash = mix32(Math.imul(hash, 31) ^ word);
  return hash >>> 0;
}

/** FNV-1a over UTF-16 code units, then mixed. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return mix32(hash);
}

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
export function mix32(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
