import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tinyModel } from "@gradients/testkit";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { resolveModel } from "./model.ts";

const ID = "acme/Tiny.Model";
const REVISION = "0123456789abcdef0123456789abcdef01234567";
const files = new Map([...tinyModel(), ["pytorch_model.bin", Buffer.from("a pickle")]]);
const signal = new AbortController().signal;

let cache: string;
let hub: Server;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "gradients-hub-"));
  hub = await startHub();
  vi.stubEnv("HF_HOME", cache);
  vi.stubEnv("HF_ENDPOINT", `http://127.0.0.1:${(hub.address() as AddressInfo).port}`);
  vi.stubEnv("HF_HUB_DISABLE_XET", "1");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  hub.close();
  await rm(cache, { recursive: true, force: true });
});

it("takes a hub id's files, without pickles, and needs no network the second time", async () => {
  const fetched = await resolveModel(ID, signal);
  expect(fetched).toMatchObject({ id: "acme-tiny-model", displayName: ID });
  expect(await readdir(fetched?.folder ?? "")).toEqual([...tinyModel().keys()].toSorted());
  hub.close();
  hub.closeAllConnections();
  expect(await resolveModel(ID, signal)).toEqual(fetched);
});

it("says what to do when the hub does not know the id, and when it cannot be reached", async () => {
  const unknown = "acme/no-such-model is not in the Hugging Face cache and could not be fetched";
  await expect(resolveModel("acme/no-such-model", signal)).rejects.toThrow(unknown);
  hub.close();
  hub.closeAllConnections();
  await expect(resolveModel(ID, signal)).rejects.toThrow(
    "Check the name and the network, or give a local model folder.",
  );
  await expect(resolveModel("no such folder", signal)).rejects.toThrow("neither a folder nor a hub id");
});

/** The part of the hub's HTTP API that its own client, which runs unchanged, asks for one repository. */
async function startHub(): Promise<Server> {
  const siblings = [...files.keys()].map((rfilename) => ({ rfilename }));
  const tree = [...files].map(([path, { byteLength: size }]) => ({
    type: "file",
    oid: REVISION,
    path,
    size,
  }));
  const server = createServer((request, response) => {
    const file = request.url?.split(`/${ID}/resolve/${REVISION}/`)[1];
    const bytes = file === undefined ? undefined : files.get(file);
    if (request.url?.startsWith(`/api/models/${ID}/revision/`))
      return void response.end(JSON.stringify({ id: ID, modelId: ID, sha: REVISION, siblings }));
    if (request.url?.startsWith(`/api/models/${ID}/tree/`)) return void response.end(JSON.stringify(tree));
    if (!bytes) return void response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
    const etag = `"${createHash("sha256").update(bytes).digest("hex")}"`;
    response.writeHead(200, { etag, "x-repo-commit": REVISION, "content-length": bytes.byteLength });
    response.end(request.method === "HEAD" ? undefined : bytes);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}
