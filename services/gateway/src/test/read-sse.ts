/** One block of an event stream, by field. */
export type SseBlock = Readonly<Partial<Record<"id" | "event" | "data" | "retry", string>>>;

/** Reads an event stream until `enough` says so. */
export async function readSse(
  url: string,
  headers: Readonly<Record<string, string>>,
  enough: (all: readonly SseBlock[]) => boolean,
): Promise<readonly SseBlock[]> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  if (!response.ok || !response.body)
    throw new Error(`The stream was answered with ${response.status}: ${await response.text()}`);
  if (response.headers.get("content-type") !== "text/event-stream")
    throw new Error("This is no event stream");
  const blocks: SseBlock[] = [];
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n\n");
    text = parts.pop() ?? "";
    blocks.push(...parts.map(parseBlock));
    if (enough(blocks)) break;
  }
  abort.abort();
  return blocks;
}

function parseBlock(block: string): SseBlock {
  return Object.fromEntries(
    block.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]),
  );
}
