/** The process of one module: measures, tells bench/run.mjs, ends. It ends as well when nobody is there to be told any more. @module */
import process from "node:process";

process.once("disconnect", () => { process.exit(); });
/** @type {{ bench: () => Promise<import("./figures.mjs").Report> }} */
const { bench } = await import(`./${process.argv[2]}.mjs`);
process.send?.(await bench(), () => { process.disconnect(); });
