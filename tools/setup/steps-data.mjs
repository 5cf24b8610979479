// The demo's data set, with its licence beside it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildDataset, licenceNote, wordnetFolder } from "./dataset.mjs";
import { hashOf, hasStamp, makeFolder, stampBeside, writeStamp, writeWhole } from "./files.mjs";
import { paths, repositoryRoot } from "./paths.mjs";

export const demoDataset = {
  title: "demo data set",
  bytes: 1e6,
  seconds: 3,
  disk: paths.cache,
  isCurrent: () => existsSync(paths.dataset) && hasStamp(stampBeside(paths.dataset), madeFrom()),
  make() {
    makeFolder(dirname(paths.dataset));
    writeWhole(paths.datasetLicence, licenceNote());
    writeWhole(paths.dataset, `${buildDataset(join(wordnetFolder, "dict")).join("\n")}\n`);
    writeStamp(stampBeside(paths.dataset), madeFrom());
  },
};

function madeFrom() {
  return hashOf({
    files: [join(repositoryRoot, "tools/setup/dataset.mjs"), join(wordnetFolder, "package.json")],
  });
}
