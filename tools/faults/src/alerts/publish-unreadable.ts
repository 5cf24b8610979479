import { eventByType } from "@gradients/contracts/catalogue";
import { JobScoredSchema } from "@gradients/contracts/event";
import { connect, headers } from "nats";

/** Events as the scorer's relay sends them, save that their payload is none. */
export async function publishUnreadable(natsUrl: string, count: number): Promise<void> {
  const { typeName } = JobScoredSchema;
  const subject = eventByType(typeName)?.subject ?? "";
  const connection = await connect({ servers: natsUrl });
  for (let published = 0; published < count; published++) {
    const head = headers();
    head.set("ce-id", crypto.randomUUID());
    head.set("ce-type", typeName);
    head.set("ce-subject", crypto.randomUUID());
    head.set("ce-time", new Date().toISOString());
    connection.publish(subject, Uint8Array.of(0xff), { headers: head });
  }
  await connection.drain();
}
