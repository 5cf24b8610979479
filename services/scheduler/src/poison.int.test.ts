import { AttemptState } from "@gradients/contracts/scheduler";
import { type AttemptId, newId } from "@gradients/kernel";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { insertUpload } from "./store/uploads.ts";
import { createSilentWorld, type SilentWorld } from "./test/silent-pods.ts";

let silent: SilentWorld;

beforeAll(async () => {
  silent = await createSilentWorld({ stuck: 1, lost: 1 }, { SCHEDULER_LOG_LEVEL: "fatal" });
}, 60_000);

afterAll(() => silent[Symbol.asyncDispose]());

test("an attempt and an upload that cannot be dealt with hold up nobody else", {
  timeout: 60_000,
}, async () => {
  const { db } = silent.world;
  const stuck = await silent.openSolo("stuck");
  await (await silent.podOf(stuck.attemptId)).getAssignment({ epoch: 0 });
  await sql`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'stuck'; end $$`.execute(
    db.q,
  );
  await sql`
    create trigger refuse before update on attempt for each row
    when (new.state <> old.state and old.hardware_class = 'stuck') execute function refuse()`.execute(db.q);
  await sql`
    create trigger refuse before delete on upload for each row
    when (old.file_name = 'stuck') execute function refuse()`.execute(db.q);
  for (const name of ["stuck", "free"]) await addCutShort(stuck.attemptId, name);
  const { attemptId } = await silent.openSolo("lost");
  await (await silent.podOf(attemptId)).getAssignment({ epoch: 0 });
  await (await silent.podOf(attemptId, 1)).getAssignment({ epoch: 1 });
  await vi.waitFor(async () => expect(await silent.stateOf(attemptId)).toBe(AttemptState.FAILED), {
    timeout: 20_000,
  });
  expect(await silent.stateOf(stuck.attemptId)).toBe(AttemptState.RUNNING);
  const left = await db.q.selectFrom("upload").select("file_name").execute();
  expect(left).toEqual([{ file_name: "stuck" }]);
});

/** An upload that its placement left unfinished. */
function addCutShort(attemptId: string, name: string): Promise<void> {
  return silent.world.db.tx((tx) =>
    insertUpload(tx, {
      uploadId: newId(),
      attemptId: attemptId as AttemptId,
      epoch: -1,
      purpose: "artifact",
      step: 0,
      file: { name, object: { key: name, size: 1, sha256: "" } },
      s3UploadId: "none",
      completed: false,
    }),
  );
}
