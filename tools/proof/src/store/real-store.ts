import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { event, type OutboxEvent } from "@gradients/bus";
import {
  JobAcceptedSchema,
  JobCancelledSchema,
  JobScoredSchema,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { createDatabase, type Database, ensureSchema, migrate } from "@gradients/db";
import { type AttemptId, type EventId, type JobId, newId, ok, type RecipeId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { createTestDatabase } from "@gradients/testkit";
import { sql } from "kysely";
import pg from "pg";
import { assignAttempt } from "../../../../services/scheduler/src/app/assign-attempt.ts";
import { Backpressure } from "../../../../services/scheduler/src/app/backpressure.ts";
import { finishAttempt } from "../../../../services/scheduler/src/app/finish-attempt.ts";
import { followPods } from "../../../../services/scheduler/src/app/follow-pods.ts";
import { placeAttempts } from "../../../../services/scheduler/src/app/place-attempts.ts";
import { sweep } from "../../../../services/scheduler/src/app/sweep.ts";
import { whileHeld } from "../../../../services/scheduler/src/app/with-attempt.ts";
import type { Deps } from "../../../../services/scheduler/src/deps.ts";
import { eventHandlers } from "../../../../services/scheduler/src/events/index.ts";
import { podName } from "../../../../services/scheduler/src/fleet/pod-name.ts";
import { createObserve } from "../../../../services/scheduler/src/observe.ts";
import { migrations } from "../../../../services/scheduler/src/store/migrations/index.ts";
import { listPlacements } from "../../../../services/scheduler/src/store/placements.ts";
import type { Tables } from "../../../../services/scheduler/src/store/schema.ts";
import type { TokenHolder } from "../../../../services/scheduler/src/store/tokens.ts";
import { insertUpload } from "../../../../services/scheduler/src/store/uploads.ts";
import { oneAccount } from "../model/one-account.ts";
import { BUDGET_SECONDS, type Call, CONTESTANTS, type EventType, rules, SLOTS, START } from "./expected.ts";

const JOBS = ["00000000-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000001"] as const;

/** The scheduler's own functions on its own tables in a real PostgreSQL, whose clock the test holds. */
export class RealStore implements AsyncDisposable {
  readonly #cleanup: AsyncDisposableStack;
  readonly #db: Database<Tables>;
  readonly #deps: Deps;
  readonly #eventIds = new Map<string, EventId>();

  private constructor(cleanup: AsyncDisposableStack, db: Database<Tables>) {
    this.#cleanup = cleanup;
    this.#db = db;
    this.#deps = depsOf(db);
  }

  static async open(): Promise<RealStore> {
    await using cleanup = new AsyncDisposableStack();
    const database = cleanup.use(await createTestDatabase());
    const role = `scheduler_${database.name}`;
    const url = new URL(await ensureSchema(database.url, { schema: "scheduler", role, password: "test" }));
    await holdClock(database.url);
    // The schema before the system's own: its now() is the one that every statement finds.
    url.searchParams.set("options", "-c search_path=scheduler,pg_catalog");
    const logger = createLogger({ service: "test", level: "fatal" });
    const db = createDatabase<Tables>(
      { url: url.href, schema: "scheduler", applicationName: "test", poolSize: 4 },
      logger,
    );
    cleanup.defer(() => db.close());
    await migrate(db, migrations);
    return new RealStore(cleanup.move(), db);
  }

  async empty(): Promise<void> {
    this.#eventIds.clear();
    await sql`truncate job, attempt, attempt_token, upload, timer, inbox, outbox`.execute(this.#db.q);
    await this.setTime(START);
  }

  async setTime(milliseconds: number): Promise<void> {
    await sql`update clock set value = ${new Date(milliseconds)}`.execute(this.#db.q);
  }

  /** As the bus's consumer does it: inbox and effect in one transaction. The same event again has the same id. */
  async deliver(job: number, type: EventType): Promise<void> {
    const message = messageOf(JOBS[job] ?? "", type, job);
    const key = `${job} ${type}`;
    const eventId = this.#eventIds.get(key) ?? message.eventId;
    this.#eventIds.set(key, eventId);
    const handler = eventHandlers(this.#deps).find(({ schema }) => schema.typeName === message.type);
    await this.#db.tx(async (tx) => {
      const noted =
        await sql`insert into inbox (consumer, event_id) values ('scheduler', ${eventId}) on conflict do nothing`.execute(
          tx,
        );
      if (noted.numAffectedRows === 0n) return;
      await handler?.handle(message.payload, { tx, eventId, time: tx.now, aggregateId: message.aggregateId });
    });
  }

  async place(): Promise<void> {
    const placements = await listPlacements(this.#db.q);
    await placeAttempts(this.#deps, [], placements, new Backpressure(Number.POSITIVE_INFINITY));
  }

  sweep(): Promise<void> {
    return sweep(this.#deps);
  }

  async call(name: string, epoch: number, what: Call): Promise<void> {
    const holder = await this.#holder(name, epoch);
    if (!holder) return;
    if (what === "assign") await assignAttempt(this.#deps, holder);
    if (what === "heartbeat") await whileHeld(this.#deps, holder, async () => ok());
    if (what === "succeed") await finishAttempt(this.#deps, holder, await this.#bring(holder));
    if (what === "fail")
      await finishAttempt(this.#deps, holder, { type: "failed", code: "NONFINITE", detail: "" });
    if (what === "interrupt" || what === "lose")
      await finishAttempt(this.#deps, holder, {
        type: "interrupted",
        cause: what,
        stopped: what === "interrupt",
      });
  }

  async evict(name: string, epoch: number): Promise<void> {
    const holder = await this.#holder(name, epoch);
    if (!holder) return;
    const { attemptId } = holder;
    const phase = { kind: "ended", cause: "evicted", exitCode: null, message: "" } as const;
    const pod = { name: podName(attemptId, epoch), attemptId, epoch, hardwareClass: "class", phase };
    await followPods(this.#deps, [pod], await listPlacements(this.#db.q));
  }

  /** Everything that the model speaks of. */
  async read() {
    const q = this.#db.q;
    const [jobs, attempts, timers, said] = await Promise.all([
      q.selectFrom("job").select(["job_id", "state"]).orderBy("job_id").execute(),
      this.#attempts(),
      q.selectFrom("timer").select(["subject_id", "due_at"]).execute(),
      q.selectFrom("outbox").select(["type"]).execute(),
    ]);
    const deadlines = new Map(timers.map((timer) => [timer.subject_id, timer.due_at.getTime()]));
    return {
      jobs: Object.fromEntries(
        jobs.map((job) => [JOBS.indexOf(job.job_id as (typeof JOBS)[number]), job.state]),
      ),
      attempts: Object.fromEntries(
        attempts.map(({ name, row }) => [
          name,
          {
            state: row.state,
            epoch: row.epoch,
            losses: row.losses,
            lease: row.lease_expires_at?.getTime() ?? null,
            notBefore: row.not_before.getTime(),
            deadline: deadlines.get(row.attempt_id) ?? null,
          },
        ]),
      ),
      said: Object.fromEntries(
        [...Map.groupBy(said, ({ type }) => type.split(".").at(-1))].map(([type, all]) => [type, all.length]),
      ),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  async #attempts() {
    const rows = await this.#db.q.selectFrom("attempt").selectAll().orderBy("attempt_id").execute();
    return [...Map.groupBy(rows, (row) => row.job_id)].flatMap(([jobId, race]) =>
      race.map((row, place) => ({ name: `${JOBS.indexOf(jobId as (typeof JOBS)[number])}/${place}`, row })),
    );
  }

  async #holder(name: string, epoch: number): Promise<TokenHolder | undefined> {
    const found = (await this.#attempts()).find((attempt) => attempt.name === name);
    return found && { attemptId: found.row.attempt_id as AttemptId, jobId: found.row.job_id as JobId, epoch };
  }

  /** A result whose file has arrived in whole. */
  async #bring({ attemptId, epoch }: TokenHolder) {
    const file = { name: "adapter.safetensors", object: { key: newId(), size: 1, sha256: "00" } };
    const upload = {
      uploadId: newId(),
      attemptId,
      epoch,
      purpose: "artifact",
      step: 0,
      file,
      s3UploadId: "",
      completed: true,
    } as const;
    await this.#db.tx((tx) => insertUpload(tx, upload));
    return { type: "succeeded", result: { kind: "trained", artifact: [file], stats } } as const;
  }
}

const stats = {
  steps: 1,
  examples: 1,
  tokens: 1,
  trainSeconds: BUDGET_SECONDS,
  finalLoss: 1,
  trainableParameters: 1,
  peakMemoryBytes: 1,
  engineVersion: "test",
  device: "cpu",
};

function depsOf(db: Database<Tables>): Deps {
  const recipe = (id: string, isDefault: boolean) =>
    ({
      recipeId: id as RecipeId,
      title: id,
      summary: "",
      method: "lora",
      settings: {},
      isDefault,
      contestantHotkey: id,
    }) as const;
  const classes = [{ name: "class", description: "", slots: SLOTS, threadsPerSlot: 1 }];
  const parts = {
    db,
    rules,
    catalogue: [recipe("plain", true), recipe("other", false)],
    fleet: { classes },
    admission: oneAccount,
    limits: { maxFileBytes: 1, urlSeconds: 1, checkpointSeconds: 1 },
    observe: createObserve(createLogger({ service: "test", level: "fatal" }), classes),
  };
  return parts as unknown as Deps; // bus, objects and pods are not reached by what is called here
}

function messageOf(jobId: string, type: EventType, job: number): OutboxEvent {
  const about = { aggregateId: jobId };
  if (type === "cancelled") return event(JobCancelledSchema, { jobId }, about);
  if (type === "scored") return event(JobScoredSchema, { jobId }, about);
  if (type === "split")
    return event(SplitCommittedSchema, { jobId, train: { key: "train", size: 1n, sha256: "00" } }, about);
  const columns = { shape: { case: "chat" as const, value: { messages: "messages" } } };
  const order = {
    contestants: CONTESTANTS,
    budgetSeconds: BUDGET_SECONDS,
    hardwareClass: "class",
    maxLength: 64,
  };
  return event(
    JobAcceptedSchema,
    { jobId, ...order, dataset: { columns }, acceptedAt: timestampFromDate(new Date(START + job)) },
    about,
  );
}

async function holdClock(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`
      create table scheduler.clock (value timestamptz not null);
      insert into scheduler.clock values ('epoch');
      create function scheduler.now() returns timestamptz language sql stable as 'select value from scheduler.clock';
      grant select, update on scheduler.clock to public`);
  } finally {
    await client.end();
  }
}
