import { expect, test } from "vitest";
import { rights, rightToLogs } from "../../../services/scheduler/src/fleet/kubernetes/doctor/check-access.ts";
import { find, hasHelm, ofKind, render } from "./testing/render.ts";
import { sandboxPod } from "./testing/sandbox-pod.ts";
import { count, type Objects, testToggles, variable } from "./testing/toggle.ts";

const rules = (objects: Objects): string =>
  JSON.stringify(ofKind(objects, "ValidatingAdmissionPolicy").map(({ spec }) => spec.validations));
const egress = (objects: Objects) =>
  find(objects, "NetworkPolicy", "gradients-relay-and-objects").spec.egress as {
    to: { ipBlock?: { cidr: string; except?: string[] } }[];
    ports: { port: number }[];
  }[];
interface RoleRule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const inTrainers = (objects: Objects) =>
  objects.filter(({ metadata }) => metadata.namespace === "gradients-trainers").map(({ kind }) => kind);

testToggles("values of the trainers' namespace", [
  {
    what: "all of it off",
    over: { trainers: { enabled: false } },
    see: (objects) => [inTrainers(objects).length > 0, count("ValidatingAdmissionPolicy")(objects)],
    off: [true, 1],
    on: [false, 0],
  },
  {
    what: "a namespace made by others",
    over: { trainers: { namespace: { create: false, name: "theirs" } } },
    see: (objects) => [count("Namespace")(objects), ofKind(objects, "Role")[0]?.metadata.namespace],
    off: [1, "gradients-trainers"],
    on: [0, "theirs"],
  },
  {
    what: "the version of the restricted standard",
    over: { trainers: { namespace: { podSecurityVersion: "v1.34" } } },
    see: (objects) =>
      ofKind(objects, "Namespace")[0]?.metadata.labels?.["pod-security.kubernetes.io/enforce-version"],
    off: "latest",
    on: "v1.34",
  },
  {
    what: "DNS is a door of its own",
    over: { trainers: { networkPolicy: { dns: true } } },
    see: (objects) => egress(objects).flatMap(({ ports }) => ports.map(({ port }) => port)),
    off: [50062, 443],
    on: [50062, 443, 53, 53],
  },
  {
    what: "of all addresses, those of metadata, nodes and pods are left out",
    over: {
      trainers: {
        networkPolicy: { objects: [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }] },
      },
    },
    see: (objects) =>
      egress(objects)[1]?.to.map(({ ipBlock }) => [
        ipBlock?.except?.includes("169.254.0.0/16"),
        ipBlock?.except?.includes("10.0.0.0/8"),
        ipBlock?.except?.includes("fe80::/10"),
      ]),
    off: [[undefined, undefined, undefined]],
    on: [
      [true, true, false],
      [false, false, true],
    ],
  },
  {
    what: "of a wide network, what of the same lies in it is left out, and nothing that holds it",
    over: {
      trainers: {
        networkPolicy: {
          objects: [
            "128.0.0.0/1",
            "168.0.0.0/5",
            "169.254.7.7/15",
            "100.64.0.0/10",
            "10.1.0.0/16",
            "fd00::/8",
            "::fd00:0/1",
            "::fffe:0:0/95",
          ].map((cidr) => ({ ipBlock: { cidr, except: ["192.0.2.0/24"] } })),
        },
      },
    },
    see: (objects) => egress(objects)[1]?.to.map(({ ipBlock }) => ipBlock?.except?.slice(1).join(" ")),
    off: [undefined],
    on: [
      "168.63.129.16/32 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 169.254.0.0/16",
      "168.63.129.16/32 172.16.0.0/12 169.254.0.0/16",
      "169.254.0.0/16",
      "100.100.100.200/32",
      "",
      "fd00:ec2::/32",
      "",
      "",
    ],
  },
  {
    what: "the metadata addresses are left out though nothing is to be",
    over: {
      trainers: {
        networkPolicy: {
          neverReachable: [],
          objects: [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "8000::/1" } }],
        },
      },
    },
    see: (objects) => egress(objects)[1]?.to.map(({ ipBlock }) => ipBlock?.except),
    off: [undefined],
    on: [
      ["100.100.100.200/32", "169.254.0.0/16"],
      ["fe80::/10", "fd00:ec2::/32"],
    ],
  },
  {
    what: "ports of the object store",
    over: { trainers: { networkPolicy: { objectsPorts: [9000] } } },
    see: (objects) => egress(objects)[1]?.ports.map(({ port }) => port),
    off: [443],
    on: [9000],
  },
  {
    what: "network policies off, with the acceptance",
    over: { trainers: { networkPolicy: { enabled: false, acceptOpenNetwork: true } } },
    see: (objects) => inTrainers(objects).filter((kind) => kind === "NetworkPolicy").length,
    off: 2,
    on: 0,
  },
  {
    what: "the admission policy off",
    over: { trainers: { admissionPolicy: { enabled: false } } },
    see: count("ValidatingAdmissionPolicyBinding"),
    off: 1,
    on: 0,
  },
  {
    what: "images without a digest",
    over: { trainers: { admissionPolicy: { requireDigest: false } } },
    see: (objects) => rules(objects).includes("named by digest"),
    off: true,
    on: false,
  },
  {
    what: "user namespaces",
    over: { trainers: { userNamespaces: true } },
    see: (objects) => [
      rules(objects).includes("hostUsers"),
      variable(objects, "scheduler", "SCHEDULER_FLEET_KUBERNETES_USER_NAMESPACES"),
    ],
    off: [false, undefined],
    on: [true, "true"],
  },
  {
    what: "no policies of the network",
    over: { trainers: { networkPolicy: { enabled: false, acceptOpenNetwork: true } } },
    see: (objects) => [
      rules(objects).includes("the gate runs before"),
      variable(objects, "scheduler", "SCHEDULER_FLEET_KUBERNETES_NETWORK_GATE"),
    ],
    off: [true, undefined],
    on: [false, "false"],
  },
  {
    what: "DNS opened: the gate is told, and the policy asks for that very command",
    over: { trainers: { networkPolicy: { dns: true } } },
    see: (objects) => {
      const command: readonly string[] = sandboxPod(objects, "a").spec.initContainers[0].command;
      return [command.slice(2), rules(objects).includes(`== ['${command.join("', '")}']`)];
    },
    off: [[], true],
    on: [["--open-dns"], true],
  },
  {
    what: "runtime classes",
    over: { trainers: { admissionPolicy: { runtimeClassNames: ["kata"] } } },
    see: (objects) => rules(objects).includes("'kata'"),
    off: false,
    on: true,
  },
  {
    what: "ResourceQuota",
    over: { trainers: { resourceQuota: { enabled: true } } },
    see: count("ResourceQuota"),
    off: 0,
    on: 1,
  },
  {
    what: "LimitRange",
    over: { trainers: { limitRange: { enabled: true } } },
    see: count("LimitRange"),
    off: 0,
    on: 1,
  },
  {
    what: "Kueue's queue, with the right to read its objects",
    over: { trainers: { queue: "q" } },
    see: (objects) => [
      variable(objects, "scheduler", "SCHEDULER_FLEET_KUBERNETES_QUEUE"),
      JSON.stringify(ofKind(objects, "Role")).includes("kueue.x-k8s.io"),
    ],
    off: [undefined, false],
    on: ["q", true],
  },
]);

test.skipIf(!hasHelm)(
  "rights are the scheduler's alone, in the trainers' namespace alone, and those that its doctor asks for",
  async () => {
    const objects = await render({ values: "all-on" });
    const kinds = objects.map(({ kind }) => kind).filter((kind) => /Role/.test(kind));
    expect(kinds).toEqual(["Role", "RoleBinding"]);
    const role = ofKind(objects, "Role")[0];
    expect(role?.metadata.namespace).toBe("gradients-trainers");
    const granted = (find(objects, "Role", "gradients-scheduler").rules as RoleRule[]).flatMap(
      ({ resources, verbs }) => resources.flatMap((resource) => verbs.map((verb) => `${resource} ${verb}`)),
    );
    const used = [...rights, rightToLogs].flatMap(([, resource, verbs]) =>
      verbs.map((verb) => `${resource} ${verb}`),
    );
    expect(granted.toSorted()).toEqual([...used, "localqueues get"].toSorted());
    expect(ofKind(objects, "RoleBinding")[0]?.subjects).toEqual([
      { kind: "ServiceAccount", name: "gradients-scheduler", namespace: "gradients" },
    ]);
  },
);
