import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "nats";
import type { Bus, StreamName } from "./connect-bus.ts";

const HOUR = 3_600_000;
const MIB = 1024 * 1024;

/** How long an event can be replayed, from the stream and from the outbox alike. */
export const EVENT_MAX_AGE_MS = 7 * 24 * HOUR;

/** Duplicates are dropped by the server for this long after a relay's outage; the inbox covers the rest. */
const DUPLICATE_WINDOW_MS = 10 * 60_000;

const streams: readonly StreamSpec[] = [
  { name: "EVENTS", subjects: ["event.>"], maxAgeMs: EVENT_MAX_AGE_MS, maxBytes: 128 * MIB },
  { name: "PROGRESS", subjects: ["progress.>"], maxAgeMs: 24 * HOUR, maxBytes: 96 * MIB },
];

/**
 * Makes the streams exist as they should be. Limits retention everywhere, because it alone keeps its duplicate window over a restart. A byte limit that refuses
 * new messages, because a full disk makes publishes time out without an error until the server is restarted.
 */
export async function ensureStreams(bus: Bus): Promise<void> {
  for (const spec of streams) await ensureStream(bus, toConfig(spec, bus));
}

async function ensureStream(bus: Bus, config: StreamConfigNamed): Promise<void> {
  const manager = await bus.manager();
  try {
    await manager.streams.add(config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE)) throw error;
    const { name, retention: _retention, storage: _storage, ...changeable } = config;
    await manager.streams.update(name, changeable);
  }
}

function toConfig(
  { name, subjects, maxAgeMs, maxBytes }: StreamSpec,
  { replicas, maxBytes: overrides }: Bus,
): StreamConfigNamed {
  return {
    name,
    subjects: [...subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_age: nanos(maxAgeMs),
    max_bytes: overrides[name] ?? maxBytes,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    num_replicas: replicas,
  };
}

/** JetStream error 10058: the stream exists with another configuration. */
const STREAM_NAME_IN_USE = 10_058;

interface StreamSpec {
  readonly name: StreamName;
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

type StreamConfigNamed = Partial<StreamConfig> & { readonly name: StreamName };
