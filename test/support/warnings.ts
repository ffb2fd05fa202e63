/** What Node warns of on standard error, such as a leak of listeners. Node only. */
import process from "node:process";

/** The names of the warnings while `work` runs, and in the turn behind it. */
export async function warningsDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const warnings: string[] = [];
  const note = (warning: Error): void => { warnings.push(warning.name); };
  process.on("warning", note);
  try {
    await work();
    await new Promise((resolve) => { setImmediate(resolve); }); // told in a turn of its own
  } finally {
    process.off("warning", note);
  }
  return warnings;
}
