import type { GatewayService } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { projectName } from "../domain/resource-names.ts";
import { findProject } from "../store/projects.ts";
import { callerOf } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";

export const getCaller =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.getCaller> =>
  async (_request, ctx) => {
    const { projectId } = callerOf(ctx);
    const project = await findProject(db.q, projectId);
    return { project: projectName(projectId), displayName: project?.displayName ?? "" };
  };
