import type { AccountId } from "@gradients/kernel";
import type { GatewayQuery, GatewayTx } from "./database.ts";

export interface Project {
  readonly projectId: AccountId;
  readonly displayName: string;
}

export async function insertProject(tx: GatewayTx, { projectId, displayName }: Project): Promise<void> {
  await tx
    .insertInto("project")
    .values({ project_id: projectId, display_name: displayName, created_at: tx.now })
    .execute();
}

/** By primary key, no lock. */
export async function findProject(q: GatewayQuery, projectId: AccountId): Promise<Project | undefined> {
  const row = await q
    .selectFrom("project")
    .select(["project_id", "display_name"])
    .where("project_id", "=", projectId)
    .executeTakeFirst();
  return row && { projectId: row.project_id, displayName: row.display_name };
}
