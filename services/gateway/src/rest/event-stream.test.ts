import { expect, test } from "vitest";
import { formatEvent } from "./event-stream.ts";

test("an event has its number only when it can be resumed from", () => {
  expect(formatEvent({ id: "7", event: "job", data: '{"a":"b\\nc"}' })).toBe(
    'id: 7\nevent: job\ndata: {"a":"b\\nc"}\n\n',
  );
  expect(formatEvent({ event: "heartbeat", data: "{}" })).toBe("event: heartbeat\ndata: {}\n\n");
});
