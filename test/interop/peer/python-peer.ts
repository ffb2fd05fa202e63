/** Drives a Python program of this folder by JSON lines: one command, one answer. @module */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Where Debian's own interpreter lives; one from elsewhere that comes first in PATH does not see Debian's packages. */
const interpreters = ["/usr/bin/python3", "python3"] as const;

/** The first interpreter that can import all `modules`. @throws if there is none. */
export function findPython(modules: readonly string[]): string {
  for (const candidate of interpreters) {
    try {
      execFileSync(candidate, ["-c", `import ${modules.join(", ")}`], { stdio: "ignore" });
      return candidate;
    } catch {
      continue; // not there, or without the packages: the next one
    }
  }
  throw new Error(`no Python with ${modules.join(", ")}: install Debian's python3-omemo, python3-twomemo, python3-oldmemo, python3-slixmpp`);
}

/** One running program. */
export class PythonPeer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (answer: Record<string, unknown>) => void>();
  #next = 1;
  #errors = "";

  constructor(script: string, modules: readonly string[]) {
    this.#child = spawn(findPython(modules), ["-u", fileURLToPath(new URL(script, import.meta.url))]);
    this.#child.stderr.on("data", (text: Buffer) => { this.#errors = (this.#errors + text.toString()).slice(-8_000); });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line) as Record<string, unknown>;
      this.#waiting.get(answer["id"] as number)?.(answer);
    });
    this.#child.on("exit", () => {
      for (const settle of this.#waiting.values()) settle({ ok: false, error: `the peer has ended: ${this.#errors}` });
    });
  }

  /** Sends a command and waits for its answer. @throws if the peer could not do it, with what it says. */
  async do<T>(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const id = this.#next++;
    const answer = await new Promise<Record<string, unknown>>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin.write(`${JSON.stringify({ id, do: command, ...parameters })}\n`);
    });
    this.#waiting.delete(id);
    if (answer["ok"] !== true) throw new Error(`${command}: ${String(answer["error"])}`);
    return answer as T;
  }

  /** Ends the program and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => { this.#child.once("exit", resolve); });
    this.#child.stdin.end();
    const impatience = setTimeout(() => { this.#child.kill("SIGKILL"); }, 5_000);
    await gone;
    clearTimeout(impatience);
  }
}
