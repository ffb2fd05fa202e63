/** What is packed can be read where it is installed: the documents in the package link to nothing that was left at home. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/documents.js";

/** The paths that `npm pack` would pack, without packing them. */
function packed(): readonly string[] {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error"], { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const reports = JSON.parse(stdout) as Readonly<Record<string, { readonly files: readonly { readonly path: string }[] }>>; // newer npm: by the package's name
  return Object.values(reports).flatMap(({ files }) => files.map((file) => file.path));
}

/** Where the links of a document lead, as paths from the root; those to other sites and within the document are left out. */
function links(document: string): readonly string[] {
  const text = readFileSync(path.join(root, document), "utf8").replace(/^```[\s\S]*?^```|^ {4}.*$|`[^`\n]*`/gm, "");
  return [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)].map(([, to = ""]) => to).filter((to) => !/^[a-z]+:/.test(to))
    .map((to) => path.posix.join(path.posix.dirname(document), to));
}

test("every link in a packed document leads to something that is packed as well", () => {
  const files = packed();
  const present = (target: string): boolean => files.some((file) => file === target || file.startsWith(`${target}/`));
  const documents = files.filter((file) => file.endsWith(".md"));
  expect(documents).toEqual(expect.arrayContaining(["README.md", "docs/guides/01-first-client.md"]));
  const all = documents.flatMap((document) => links(document).map((to) => ({ document, to })));
  expect(all.length).toBeGreaterThan(40); // or it looks in the wrong place
  expect(all.filter(({ to }) => !present(to))).toEqual([]);
});
