import fc from "fast-check";
import { expect, test } from "vitest";
import { decodePageToken, encodePageToken, pageSizeOf } from "./page-token.ts";

test("a token leads back to its key under the same arguments and is refused under any others", () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), fc.array(fc.string()), (key, args, others) => {
      const token = encodePageToken(key, args);
      expect(decodePageToken(token, args)).toEqual({ ok: true, value: key });
      fc.pre(JSON.stringify(args) !== JSON.stringify(others));
      expect(decodePageToken(token, others)).toEqual({ ok: false, error: "page_token_invalid" });
    }),
  );
});

test("any text that was not made here is refused, and nothing throws", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (token) => {
      expect(decodePageToken(token, ["ListJobs"]).ok).toBe(false);
    }),
  );
});

test("the first page needs no token", () => {
  expect(decodePageToken("", ["ListJobs"])).toEqual({ ok: true, value: undefined });
});

test("a page size is defaulted at 0 and cut down at 200", () => {
  expect([0, 1, 200, 5000].map(pageSizeOf)).toEqual([50, 1, 200, 200]);
});
