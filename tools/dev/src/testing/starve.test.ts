import { expect, it } from "vitest";
import { memoryFiles } from "./starve.ts";

const container = "/gradients-cluster/kubepods/burstable/pod1/c1";

it("finds a container's memory in cgroups of version 1, where each controller has its tree", () => {
  expect(memoryFiles(`9:name=systemd:/\n4:memory:${container}\n1:cpu:/elsewhere\n0::/\n`)).toEqual({
    limit: `/sys/fs/cgroup/memory${container}/memory.limit_in_bytes`,
    used: `/sys/fs/cgroup/memory${container}/memory.usage_in_bytes`,
  });
});

it("finds it in cgroups of version 2, which are one tree", () => {
  expect(memoryFiles(`0::${container}\n`)).toEqual({
    limit: `/sys/fs/cgroup${container}/memory.max`,
    used: `/sys/fs/cgroup${container}/memory.current`,
  });
});
