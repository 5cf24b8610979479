/** Which room may import which: kernel <- contracts <- plumbing <- services <- tools. */
const plumbing = "^packages/(runtime|db|bus|kube|rpc|objects|dataset)/";

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "kernel-depends-on-nothing",
      severity: "error",
      from: { path: "^packages/kernel/", pathNot: "\\.test\\.ts$" },
      to: { path: "^(packages|services|tools)/", pathNot: "^packages/kernel/" },
    },
    {
      name: "contracts-know-only-the-kernel",
      severity: "error",
      from: { path: "^packages/contracts/" },
      to: { path: "^(packages|services|tools)/", pathNot: "^packages/(contracts|kernel)/" },
    },
    {
      name: "packages-never-import-services-or-tools",
      severity: "error",
      from: { path: "^packages/", pathNot: "^packages/testkit/" },
      to: { path: "^(services|tools)/" },
    },
    {
      name: "plumbing-never-imports-test-parts",
      severity: "error",
      from: { path: plumbing, pathNot: "\\.test\\.ts$" },
      to: { path: "^packages/(testkit|dev-chain)/" },
    },
    {
      name: "a-service-never-imports-a-service",
      severity: "error",
      from: { path: "^services/([^/]+)/" },
      to: { path: "^services/", pathNot: "^services/$1/" },
    },
    {
      name: "services-never-import-test-parts",
      severity: "error",
      from: { path: "^services/", pathNot: "\\.test\\.ts$|/test/" },
      to: { path: "^(packages/(testkit|dev-chain)|tools)/" },
    },
    {
      name: "domain-is-pure",
      severity: "error",
      from: { path: "^services/[^/]+/src/domain/", pathNot: "\\.test\\.ts$" },
      to: {
        pathNot: "/src/domain/|^packages/(kernel|contracts|dataset)/|^node:crypto$|^crypto$",
      },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/gen/|/dist/|node_modules/(?!@gradients)" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "default"] },
    preserveSymlinks: false,
  },
};
