import type { AccountId } from "@gradients/kernel";
import type { CallContext } from "@gradients/rpc";
import type { Caller } from "../app/authenticate.ts";
import { Refused, type ResourceKind } from "../domain/refusal.ts";
import { parseChildName, projectName } from "../domain/resource-names.ts";

/** Who calls: what `authenticate` returned for this call. */
export function callerOf(ctx: CallContext): Caller {
  return ctx.principal as Caller; // every call of the gateway is authenticated before its handler runs
}

/** The caller's project, when that is the parent in the request. Naming another one is refused whether or not it exists. */
export function ownProject(ctx: CallContext, parent: string): AccountId {
  const { projectId } = callerOf(ctx);
  if (parent !== projectName(projectId)) throw new Refused({ code: "project_forbidden", parent });
  return projectId;
}

/** The caller's project and the id in a resource name. Another project's resource is answered exactly like one that does not exist. */
export function ownChild<Id extends string>(
  ctx: CallContext,
  resource: ResourceKind,
  collection: string,
  name: string,
) {
  const { projectId } = callerOf(ctx);
  const parsed = parseChildName<Id>(collection, name);
  if (parsed?.projectId !== projectId) throw new Refused({ code: "not_found", resource, name });
  return { projectId, id: parsed.id };
}
