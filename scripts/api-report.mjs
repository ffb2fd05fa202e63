/**
 * Writes the report in api/ for every entry point from dist/ (build first). With --check it fails when a report would change:
 * the public surface changes only together with its report.
 * @module
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { Extractor, ExtractorConfig } from "@microsoft/api-extractor";

import { entryPoints } from "./lib/entry-points.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const check = process.argv.includes("--check");
mkdirSync(path.join(root, "api"), { recursive: true });

let changed = false;
for (const { name, types } of entryPoints()) {
  const configObject = ExtractorConfig.loadFile(path.join(root, "api-extractor.json"));
  configObject.projectFolder = root;
  configObject.mainEntryPointFilePath = path.join(root, types);
  configObject.apiReport = { ...configObject.apiReport, enabled: true, reportFileName: `${name}.api.md` };
  const extractorConfig = ExtractorConfig.prepare({
    configObject, configObjectFullPath: path.join(root, "api-extractor.json"), packageJsonFullPath: path.join(root, "package.json"),
  });
  const result = Extractor.invoke(extractorConfig, { localBuild: !check, showVerboseMessages: false });
  if (result.errorCount > 0 || (check && result.apiReportChanged)) {
    console.error(`api/${name}.api.md: ${result.apiReportChanged ? "out of date, run npm run api:update and review it" : "errors above"}`);
    changed = true;
  }
}
process.exitCode = changed ? 1 : 0;
