/** Code in documents: found, compiled against the built package, so that documents cannot promise what is not there. @module */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");

/** The TypeScript blocks of a document, in order. */
export function codeBlocks(document: string): string[] {
  return [...readFileSync(path.join(root, document), "utf8").matchAll(/```tsx?\n([\s\S]*?)```/g)].map((match) => match[1] as string);
}

/** A fresh directory inside the tree, so that the package's own name resolves to what was built. */
export function workshop(): string {
  mkdirSync(path.join(root, ".cache"), { recursive: true });
  return mkdtempSync(path.join(root, ".cache", "docs-"));
}

/** Compiles `files` in `dir` as an application would; the compiler's complaints, empty if there are none. */
export function compile(dir: string, files: Readonly<Record<string, string>>): string {
  for (const [name, source] of Object.entries(files)) writeFileSync(path.join(dir, name), source);
  writeFileSync(path.join(dir, "tsconfig.json"), JSON.stringify({
    extends: "../../tsconfig.examples.json", compilerOptions: { rootDir: ".", outDir: ".", jsx: "react-jsx" }, include: Object.keys(files),
  }));
  return spawnSync(process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", dir], { encoding: "utf8" }).stdout;
}
