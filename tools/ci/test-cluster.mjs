// `npm run test:cluster`: Kubernetes on this machine and the product in it. Its programs are built and its images packed first, where they are not.
// With --short the tests whose parts fail on purpose are left out. The closing line stands alone: "N passed, N failed".
// Other arguments go to vitest: `npm run test:cluster -- node.cluster`.
import { runCommand } from "../setup/problem.mjs";
import { interrupted, report, runVitest } from "./vitest-totals.mjs";

const short = ["--testNamePattern", "^(?!.*while its parts fail)"];

await runCommand(async (options) => {
  const others = options.filter((option) => option !== "--short");
  const filters = others.length < options.length ? [...others, ...short] : others;
  const result = await runVitest(["cluster"], filters);
  return result.code >= interrupted ? result.code : report([result]);
});
