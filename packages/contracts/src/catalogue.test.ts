import { create, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { decodeEvent, descriptorSet, encodeEvent, eventByType, eventCatalogue } from "./catalogue.ts";
import { AttemptFailedSchema, JobAcceptedSchema } from "./event.ts";

const owners = ["gateway", "scheduler", "scorer", "chain-bridge"];

describe("event catalogue", () => {
  test("reads subject, stream and owner from the message's option", () => {
    expect(eventByType("gradients.event.v1.JobAccepted")).toMatchObject({
      schema: JobAcceptedSchema,
      subject: "event.job.accepted",
      stream: "EVENTS",
      owner: "gateway",
    });
  });

  test("knows no type that has no option", () => {
    expect(eventByType("gradients.event.v1.RaceEntry")).toBeUndefined();
    expect(eventByType("toString")).toBeUndefined();
  });

  test("gives each type a subject of its own, in a stream that captures it", () => {
    const subjects = eventCatalogue.map((entry) => entry.subject);
    expect(new Set(subjects).size).toBe(subjects.length);
    for (const { subject, stream } of eventCatalogue) {
      expect(subject).toMatch(stream === "PROGRESS" ? /^progress(\.|$)/ : /^event\.[a-z]+\.[a-z]+$/);
    }
  });

  test.each(eventCatalogue)("$typeName says who publishes it and when", ({ owner, summary }) => {
    expect(owners).toContain(owner);
    expect(summary).toMatch(/^[A-Z].+\.$/);
  });
});

describe("encodeEvent and decodeEvent", () => {
  test("round trip an init shape", () => {
    const bytes = encodeEvent(AttemptFailedSchema, { jobId: "j", reason: { code: "DATA_INVALID" } });
    expect(decodeEvent(AttemptFailedSchema, bytes)).toEqual(
      create(AttemptFailedSchema, { jobId: "j", reason: { code: "DATA_INVALID" } }),
    );
  });

  test("refuse bytes that are no message", () => {
    expect(() => decodeEvent(AttemptFailedSchema, new Uint8Array([0x0a, 0xff]))).toThrow();
  });
});

test("the descriptor set holds every import, so that reflection can resolve all types", () => {
  const { file } = fromBinary(FileDescriptorSetSchema, descriptorSet());
  const names = new Set(file.map(({ name }) => name));
  const missing = file.flatMap(({ dependency }) => dependency).filter((name) => !names.has(name));
  expect(missing).toEqual([]);
});
