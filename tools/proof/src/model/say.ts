import { Broken } from "./broken.ts";
import type { Message, Publisher } from "./messages.ts";
import type { JobWorld } from "./world.ts";

/** Into the outbox, with the transaction that makes it true. */
export function say(job: JobWorld, publisher: Publisher, message: Message): void {
  const name = nameOf(message);
  if (job.said.includes(name)) throw new Broken(`double effect: ${name} was said twice`);
  job.said.push(name);
  job.outbox[publisher].push(message);
}

export function nameOf({ type, index, epoch }: Message): string {
  return [type, index, epoch].filter((part) => part !== undefined).join(" ");
}
