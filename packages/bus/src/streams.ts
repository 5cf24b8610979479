import { isDeepStrictEqual } from "node:util";
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamAPI,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { nanos } from "nats";
import type { Bus, StreamName } from "./connect-bus.ts";

const HOUR = 3_600_000;
const MIB = 1024 * 1024;

/** How long an event can be replayed, from the stream and from the outbox alike. */
export const EVENT_MAX_AGE_MS = 7 * 24 * HOUR;

/** Duplicates are dropped by the server for this long after a relay's outage; the inbox covers the rest. */
const DUPLICATE_WINDOW_MS = 10 * 60_000;

const specs: readonly StreamSpec[] = [
  {
    name: "EVENTS",
    subjects: ["event.>"],
    maxAgeMs: EVENT_MAX_AGE_MS,
    maxBytes: 128 * MIB,
    discard: DiscardPolicy.New,
  },
  {
    name: "PROGRESS",
    subjects: ["progress.>"],
    maxAgeMs: 24 * HOUR,
    maxBytes: 96 * MIB,
    discard: DiscardPolicy.Old,
  },
];

/**
 * Makes the streams exist as they should be. Limits retention everywhere, because it alone keeps its duplicate window over a restart. A byte limit on each,
 * because a full disk makes publishes time out without an error until the server is restarted: events are refused at the limit and wait in their outbox, of live figures the oldest go.
 */
export async function ensureStreams(bus: Bus): Promise<void> {
  for (const spec of specs) await ensureStream(bus, toConfig(spec, bus));
}

/** Time of creation, which tells a stream from a later one of the same name. */
export async function streamCreatedAt(bus: Bus, name: StreamName): Promise<string> {
  const { streams } = await bus.manager();
  const existing = await findStream(streams, name);
  if (existing) return existing.created;
  await ensureStreams(bus);
  return (await streams.info(name)).created;
}

async function ensureStream(bus: Bus, config: StreamConfigNamed): Promise<void> {
  const { streams } = await bus.manager();
  const existing = (await findStream(streams, config.name)) ?? (await addStream(streams, config));
  const { name, retention: _fixed, storage: _alsoFixed, ...changeable } = config;
  const differs = Object.entries(changeable).some(
    ([field, value]) => !isDeepStrictEqual(existing.config[field as keyof StreamConfig], value),
  );
  if (differs) await streams.update(name, changeable);
}

/** Looked up before it is added: the server refuses to add a stream that exists already when the room for a second one is lacking. */
async function findStream(streams: StreamAPI, name: StreamName): Promise<StreamInfo | undefined> {
  try {
    return await streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}

async function addStream(streams: StreamAPI, config: StreamConfigNamed): Promise<StreamInfo> {
  try {
    return await streams.add(config);
  } catch (error) {
    const addedByOther = await findStream(streams, config.name);
    if (addedByOther) return addedByOther;
    throw error;
  }
}

function toConfig(
  { name, subjects, maxAgeMs, maxBytes, discard }: StreamSpec,
  { replicas, maxBytes: overrides }: Bus,
): StreamConfigNamed {
  return {
    name,
    subjects: [...subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard,
    max_age: nanos(maxAgeMs),
    max_bytes: overrides[name] ?? maxBytes,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    num_replicas: replicas,
  };
}

interface StreamSpec {
  readonly name: StreamName;
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly discard: DiscardPolicy;
}

type StreamConfigNamed = Partial<StreamConfig> & { readonly name: StreamName };
