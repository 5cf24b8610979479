import { decodePageToken, encodePageToken, type PageArguments, pageSizeOf } from "../domain/page-token.ts";
import { invalid } from "../domain/refusal.ts";

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** One page of a listing. `load` gets one more than the page holds, which tells whether there is another page. Throws Refused for a foreign token. */
export async function pageOf<T>(
  request: PageRequest,
  args: PageArguments,
  keyOf: (item: T) => string,
  load: (limit: number, after: string | undefined) => Promise<readonly T[]>,
): Promise<Page<T>> {
  const after = decodePageToken(request.pageToken, args);
  if (!after.ok) throw invalid(foreignToken(request.pageToken));
  const size = pageSizeOf(request.pageSize);
  const found = await load(size + 1, after.value);
  const items = found.slice(0, size);
  const last = items.at(-1);
  return {
    items,
    nextPageToken: found.length > size && last !== undefined ? encodePageToken(keyOf(last), args) : "",
  };
}

function foreignToken(token: string) {
  const description = `must be the next_page_token of the previous page of the same listing, with the same arguments; found "${token}"`;
  return { field: "page_token", reason: "PAGE_TOKEN_INVALID", description };
}
