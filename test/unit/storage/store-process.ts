/**
 * Tests of what happens between processes: bundles a small program that uses the real store, and runs it in a child.
 * @module
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { build } from "esbuild";

/** Inside node_modules, so that the bundle finds classic-level; ignored by git. */
const buildDirectory = resolve("node_modules/.cache/sotto-test");

/** Compiles `source` (TypeScript; may import from "src/...") into a program for {@link runProgram}. */
export async function buildProgram(name: string, source: string): Promise<string> {
  await mkdir(buildDirectory, { recursive: true });
  const outfile = join(buildDirectory, `${name}-${process.pid}.mjs`);
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: resolve("."), loader: "ts" },
    bundle: true, write: false, platform: "node", format: "esm", target: "node20", external: ["classic-level"], logLevel: "error",
  });
  await writeFile(outfile, outputFiles[0]?.contents ?? new Uint8Array(0));
  return outfile;
}

/** A child whose lines of output can be awaited. */
export interface Child {
  readonly process: ChildProcessByStdio<null, Readable, null>;
  readonly lines: readonly string[];
  /** Resolves when `done` holds for the lines so far. Rejects if the child ends before that. */
  until(done: (lines: readonly string[]) => boolean): Promise<void>;
  /** Resolves when the child has ended and all its output was read. */
  readonly ended: Promise<void>;
}

/** Runs a program, by default with this Node; `command` may wrap it. */
export function runProgram(program: string, parameters: readonly string[], command: readonly string[] = [process.execPath]): Child {
  const [executable = process.execPath, ...wrapping] = command;
  const child = spawn(executable, [...wrapping, program, ...parameters], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    for (const check of waiting) check();
  });
  const ended = new Promise<void>((resolveEnded) => child.once("close", () => resolveEnded()));
  const until = (done: (lines: readonly string[]) => boolean): Promise<void> =>
    new Promise((resolveDone, reject) => {
      const check = (): void => {
        if (!done(lines)) return;
        waiting.delete(check);
        resolveDone();
      };
      waiting.add(check);
      check();
      void ended.then(() => reject(new Error(`the child ended early: ${lines.slice(-3).join(" | ")}`)));
    });
  return { process: child, lines, until, ended };
}
