/** Networks of the test cluster: away from those that kind, minikube and cloud clusters take by default. */
export const addresses = {
  /** The link between this machine and the node. */
  host: "10.231.0.1",
  node: "10.231.0.2",
  linkPrefix: 30,
  podCidr: "10.231.64.0/24",
  serviceCidr: "10.231.128.0/20",
  dns: "10.231.128.10",
} as const;

export const hostInterface = "gradients0";
export const nodeName = "gradients-node";
export const ports = {
  apiServer: 6443,
  kubelet: 10250,
  kubeProxyHealth: 10256,
  kubeRouterHealth: 20244,
} as const;
