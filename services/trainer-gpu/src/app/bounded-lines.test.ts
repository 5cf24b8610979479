import { manualClock } from "@gradients/kernel";
import { expect, test } from "vitest";
import { boundedLines } from "./bounded-lines.ts";

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function linesOf(stream: AsyncIterable<Buffer>, maxBytes = 5): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of boundedLines(stream, maxBytes)) lines.push(line);
  return lines;
}

test("finds lines wherever the chunks end", async () => {
  expect(await linesOf(chunks("a", "b\nc", "\n\nd"))).toEqual(["ab", "c", "", "d"]);
});

test("cuts what is too long, and goes on with the next line", async () => {
  expect(await linesOf(chunks("123", "456", "789\nab", "cdefgh\nx\n"))).toEqual(["12345", "abcde", "x"]);
});

test("lets a megabyte or five hundred lines through in a second", async () => {
  const clock = manualClock();
  let lines = 0;
  const reading = (async () => {
    for await (const _ of boundedLines(chunks("\n".repeat(2_000)), 5, clock)) lines++;
  })();
  for (const expected of [511, 1023, 1535, 2000]) {
    await clock.advance(0);
    expect(Math.abs(lines - expected)).toBeLessThan(5);
    await clock.advance(1000);
  }
  await reading;
});
