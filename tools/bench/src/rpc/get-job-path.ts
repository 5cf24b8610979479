import { GatewayService } from "@gradients/contracts/gateway";

export const getJobPath = `/${GatewayService.typeName}/${GatewayService.method.getJob.name}`;
