/** The scheduler in plain words, written apart from the product: what its tables must hold after each command. */
export class Expected {
  now = START;
  readonly jobs = new Map<number, ExpectedJob>();
  readonly attempts = new Map<string, ExpectedAttempt>();
  /** Events in the outbox, by type. */
  readonly said: Record<string, number> = {};
  readonly #delivered = new Set<string>();
  /** Epochs of an attempt that count as lost. */
  readonly #lost = new Map<ExpectedAttempt, Set<number>>();

  deliver(job: number, type: EventType): void {
    if (this.#delivered.has(`${job} ${type}`)) return;
    this.#delivered.add(`${job} ${type}`);
    const known = this.jobs.get(job) ?? { state: "waiting", news: new Set(), acceptedAt: 0 };
    this.jobs.set(job, known);
    if (type === "cancelled" || type === "scored") return this.#close(job, known);
    if (known.state !== "waiting") return;
    known.news.add(type);
    if (type === "accepted") known.acceptedAt = START + job;
    if (known.news.size < 2) return;
    known.state = "racing";
    for (let place = 0; place < CONTESTANTS; place++)
      this.attempts.set(`${job}/${place}`, newAttempt(job, this.now));
  }

  /** Oldest job first; a race that has not started goes as a whole, and what does not fit holds up the rest. */
  place(): void {
    let free = SLOTS - this.#placed().length;
    const due = [...this.attempts.values()].filter(
      (one) => one.state === "queued" && one.notBefore <= this.now,
    );
    const acceptedAt = ({ job }: ExpectedAttempt) => this.jobs.get(job)?.acceptedAt ?? 0;
    const units = [...Map.groupBy(due, (one) => (one.epoch === 0 ? `race ${one.job}` : one)).values()];
    for (const unit of units.toSorted(
      (a, b) => acceptedAt(a[0] as ExpectedAttempt) - acceptedAt(b[0] as ExpectedAttempt),
    )) {
      if (unit.length > free) return;
      free -= unit.length;
      for (const one of unit) Object.assign(one, { state: "placing", lease: this.now + PLACING_LEASE_MS });
    }
  }

  call(name: string, epoch: number, what: Call): void {
    const attempt = this.attempts.get(name);
    if (!attempt || attempt.epoch !== epoch || (attempt.state !== "placing" && attempt.state !== "running"))
      return;
    const isRunning = attempt.state === "running";
    if (what === "assign") {
      if (!isRunning) Object.assign(attempt, { state: "running", deadline: this.now + DEADLINE_MS });
      if (!isRunning) this.#say("AttemptStarted");
      attempt.lease = this.now + LEASE_MS;
    }
    if (what === "heartbeat" && isRunning) attempt.lease = this.now + LEASE_MS;
    if (what === "succeed" && isRunning) this.#end(attempt, "succeeded", "AttemptFinished");
    if (what === "fail") this.#end(attempt, "failed", "AttemptFailed");
    if (what === "interrupt") this.#interrupt(attempt);
    if (what === "lose") this.#lose(attempt);
  }

  /** The cluster has thrown a placement's pod out; of an earlier one it may tell late, or twice. */
  evict(name: string, epoch: number): void {
    const attempt = this.attempts.get(name);
    if (!attempt || isOver(attempt)) return;
    if (attempt.epoch === epoch && attempt.lease !== null) this.#interrupt(attempt);
    else if (attempt.epoch > epoch && this.#lost.get(attempt)?.delete(epoch)) attempt.losses -= 1;
  }

  sweep(): void {
    for (const attempt of this.#placed()) if ((attempt.lease ?? 0) <= this.now) this.#lose(attempt);
    for (const attempt of this.#placed())
      if (attempt.deadline !== null && attempt.deadline <= this.now)
        this.#end(attempt, "failed", "AttemptFailed");
  }

  #placed(): ExpectedAttempt[] {
    return [...this.attempts.values()].filter(({ state }) => state === "placing" || state === "running");
  }

  #lose(attempt: ExpectedAttempt): void {
    if (attempt.losses === MAX_RETRIES) return this.#end(attempt, "failed", "AttemptFailed");
    const lost = this.#lost.get(attempt) ?? new Set();
    this.#lost.set(attempt, lost.add(attempt.epoch));
    this.#again(attempt, attempt.losses + 1, this.now + RETRY_MS);
  }

  /** Those before have each begun an epoch that no loss began. */
  #interrupt(attempt: ExpectedAttempt): void {
    const before = attempt.epoch - attempt.losses;
    const pauseSeconds = before === 0 ? 0 : Math.min(120, 2 ** (before - 1));
    this.#again(attempt, attempt.losses, this.now + pauseSeconds * 1_000);
  }

  #again(attempt: ExpectedAttempt, losses: number, notBefore: number): void {
    const { epoch } = attempt;
    Object.assign(attempt, {
      state: "queued",
      epoch: epoch + 1,
      losses,
      notBefore,
      lease: null,
      deadline: null,
    });
  }

  #end(attempt: ExpectedAttempt, state: string, event: string): void {
    Object.assign(attempt, { state, lease: null, deadline: null });
    this.#say(event);
    const race = [...this.attempts.values()].filter(({ job }) => job === attempt.job);
    const job = this.jobs.get(attempt.job);
    if (job?.state !== "racing" || race.some((one) => !isOver(one))) return;
    job.state = "raced";
    this.#say("RaceFinished");
  }

  #close(job: number, known: ExpectedJob): void {
    known.state = "closed";
    for (const one of this.attempts.values())
      if (one.job === job && !isOver(one))
        Object.assign(one, { state: "cancelled", lease: null, deadline: null });
  }

  #say(event: string): void {
    this.said[event] = (this.said[event] ?? 0) + 1;
  }
}

export type EventType = "accepted" | "split" | "cancelled" | "scored";
export type Call = "assign" | "heartbeat" | "succeed" | "fail" | "interrupt" | "lose";

export const START = Date.UTC(2030, 0, 1);
export const CONTESTANTS = 2;
export const SLOTS = 3;
const MAX_RETRIES = 1;
const RETRY_MS = 2_000;
const LEASE_MS = 10_000;
const PLACING_LEASE_MS = 60_000;
export const BUDGET_SECONDS = 30;
/** Start-up, budget, finish and the platform's own margin. */
const DEADLINE_MS = (20 + BUDGET_SECONDS + 20 + 15) * 1_000;

export const rules = {
  leaseSeconds: LEASE_MS / 1_000,
  placingLeaseSeconds: PLACING_LEASE_MS / 1_000,
  maxRetries: MAX_RETRIES,
  retryDelaysSeconds: [RETRY_MS / 1_000],
  startupSeconds: 20,
  finishSeconds: 20,
  evaluationSeconds: 60,
};

interface ExpectedJob {
  state: string;
  readonly news: Set<EventType>;
  acceptedAt: number;
}

interface ExpectedAttempt {
  readonly job: number;
  state: string;
  epoch: number;
  losses: number;
  lease: number | null;
  notBefore: number;
  deadline: number | null;
}

function newAttempt(job: number, now: number): ExpectedAttempt {
  return { job, state: "queued", epoch: 0, losses: 0, lease: null, notBefore: now, deadline: null };
}

function isOver({ state }: ExpectedAttempt): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}
