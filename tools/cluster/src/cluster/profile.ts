import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** `node`: one real node that runs real containers. `simulated`: as many nodes as wished that only pretend to. */
export type Profile = "node" | "simulated";

const file = (dir: string) => join(dir, "profile");

export const writeProfile = (dir: string, profile: Profile) => writeFile(file(dir), profile);

export async function readProfile(dir: string): Promise<Profile | undefined> {
  const text = await readFile(file(dir), "utf8").catch(() => undefined);
  return text === "node" || text === "simulated" ? text : undefined;
}
