/**
 * A vitest reporter that writes down what passed where: vitest's own JSON report does not name the project of a test.
 * The file is named by SOTTO_PARITY_FILE. Not here: what is made of it (parity.mjs).
 * @module
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

/** What vitest calls. */
export default class ParityReporter {
  /** @param {readonly import("vitest/node").TestModule[]} modules */
  onTestRunEnd(modules) {
    const target = process.env["SOTTO_PARITY_FILE"];
    if (target === undefined) throw new Error("the parity reporter needs SOTTO_PARITY_FILE");
    /** @type {import("./parity.mjs").PassedFile[]} */
    const files = modules.map((module) => ({
      project: projectOf(module.project.name),
      file: path.relative(process.cwd(), module.moduleId).split(path.sep).join("/"),
      passed: [...module.children.allTests("passed")].map((test) => test.fullName),
    }));
    writeFileSync(target, JSON.stringify(files));
  }
}

/** vitest adds the browser's name: "follower (chromium)". @param {string} name @returns {import("./parity.mjs").ProjectName} */
function projectOf(name) {
  const [first] = name.split(" ");
  if (first !== "node" && first !== "browser" && first !== "follower" && first !== "worker") throw new Error(`parity.mjs does not compare the project ${name}`);
  return first;
}
