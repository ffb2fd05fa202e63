/** Comments and documents send their readers to other documents: each of these is in the repository, and so is the heading or the section that is named. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { root } from "../support/documents.js";

const folders = ["src", "test", "bench", "examples", "scripts", "docs"];
/** Installed or generated. */
const foreign = new Set(["node_modules", "dist", "docs/api"]);

/** Code and documents, as paths from the root. */
function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const file = `${folder}/${entry.name}`;
    if (foreign.has(entry.name) || foreign.has(file)) continue;
    if (entry.isDirectory()) yield* sources(file);
    else if (/\.(md|[cm]?[jt]sx?)$/.test(entry.name)) yield file;
  }
}

/** The comments of some code, each in one line; those of consecutive lines count as one. The name tells the language. */
function commentsOf(code: string, name: string): string {
  const file = ts.createSourceFile(name, code, ts.ScriptTarget.Latest);
  let rest = code;
  const blank = (node: ts.Node): void => {
    // What looks like a comment in a text is none.
    if (ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) || ts.isRegularExpressionLiteral(node) || ts.isJsxText(node)) {
      const start = node.getStart(file);
      rest = rest.slice(0, start) + " ".repeat(node.end - start) + rest.slice(node.end);
    }
    ts.forEachChild(node, blank);
  };
  blank(file);
  const comments = rest.match(/\/\*[\s\S]*?\*\/|(?:\/\/.*(?:\n[ \t]*(?=\/\/))?)+/g) ?? [];
  return comments.map((comment) => comment.replace(/^[ \t]*(?:\/\*+|\*\/|\*|\/\/)/gm, " ").replace(/\s+/g, " ")).join("\n");
}

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const headings = (file: string): readonly string[] => [...read(file).matchAll(/^#{2,3} (.+)$/gm)].map((match) => match[1] as string);

const sections = new Set(headings("docs/protocol.md").map((heading) => /^\d+(?:\.\d+)?/.exec(heading)?.[0]));
const decisions = new Set(readdirSync(path.join(root, "docs/decisions")).map((name) => name.slice(0, 4)));

/** What `text`, which stands in `from`, cites and its reader would not find. */
function missing(text: string, from: string): readonly string[] {
  const line = text.replace(/\bhttps?:\/\/[^\s)>]+/g, " ");
  const found: string[] = [];
  const exists = (name: string): boolean => [root, path.join(root, path.dirname(from))].some((folder) => existsSync(path.join(folder, name)));
  for (const [name] of line.matchAll(/(?<![\w/.*-])[\w./-]*[\w-]\.md\b/g)) if (!exists(name)) found.push(name);
  for (const [cited] of line.matchAll(/(?<![\w/.*-])docs\/[\w./-]*/g)) {
    const name = cited.replace(/[.-]+$/, "");
    const number = /^docs\/decisions\/(\d{4})$/.exec(name)?.[1];
    if (!name.endsWith(".md") && (number === undefined ? !existsSync(path.join(root, name)) : !decisions.has(number))) found.push(name);
  }
  for (const [cited, numbers = ""] of line.matchAll(/\bdecisions? (\d{4}(?:(?:,| and) \d{4})*)\b/g)) {
    if ((numbers.match(/\d{4}/g) ?? []).some((number) => !decisions.has(number))) found.push(cited);
  }
  for (const [cited, document = "", named = ""] of line.matchAll(/(?<![\w/.*-])([\w/-]+\.md), ([A-Z].{0,60})/g)) {
    const isHeading = (heading: string): boolean => named.startsWith(heading) && !/^\w/.test(named.slice(heading.length));
    if (existsSync(path.join(root, document)) && !headings(document).some(isHeading)) found.push(cited);
  }
  for (const [cited, numbers = ""] of line.matchAll(/\bdocs\/protocol\.md\)?(?:, sections?)?((?:(?:,| and)? \d+(?:\.\d+)*(?: \([^()]*\))?)+)/g)) {
    const named = numbers.replace(/\([^()]*\)/g, "").match(/\d+(?:\.\d+)*/g) ?? [];
    if (named.some((number) => !sections.has(number))) found.push(cited);
  }
  for (const [cited] of line.matchAll(/\bdesign,? (?:sections? )?\d+/gi)) found.push(`${cited}: of which document?`);
  return found;
}

test("every document that a comment or a document cites is in the repository, with the heading or section that is named", () => {
  const inTheRoot = readdirSync(root).filter((name) => name.endsWith(".md"));
  let seen = 0;
  const dangling = [...inTheRoot, ...folders.flatMap((folder) => [...sources(folder)])].flatMap((file) => {
    const text = read(file);
    if (!/\.md\b|docs\/|decision|design/i.test(text)) return [];
    const cites = file.endsWith(".md") ? text.replace(/\s+/g, " ") : commentsOf(text, file);
    seen += (cites.match(/\.md\b/g) ?? []).length;
    return missing(cites, file).map((what) => `${file}: ${what}`);
  });
  expect(dangling).toEqual([]);
  expect(seen).toBeGreaterThan(100); // or it looks in the wrong place
});

test("the check sees what it is for", () => {
  const of = (code: string): readonly string[] => missing(commentsOf(code, "x.tsx"), "src/session/omemo.ts");
  for (const code of [
    "// see omemo.md 2.4", "/** Spec: design section 3. */", "/** Spec: design 5, 7. */", "const a = 1; // docs/nowhere/x.png", "/* docs/decisions/9999-nothing.md */",
    "/** As in decision 9999. */", "// CONTRIBUTING.md, Rules of nothing", "/** docs/architecture.md, The commit rules. */", "// docs/architecture.md, Nothing\n// of that kind", "/**\n * docs/protocol.md\n * 9.9.\n */",
    "/** docs/protocol.md 2.5 (with a reason), 2.99 */", "<p>text</p>; // servers.md",
  ]) expect([code, of(code).length]).toEqual([code, 1]);
  for (const code of [
    "const name = 'omemo.md'; const text = `// omemo.md`; const pattern = /\\/\\/ omemo.md/;", "<p>omemo.md {/* README.md */}</p>", "// https://example.org/omemo.md",
    "/** docs/architecture.md, The\n * commit rule; threats D10. README.md */", "/** docs/protocol.md 2.5, step 1; 2.99 is another number */", "// docs/decisions/0006-outbox.md, decisions 0005 and 0006", "/* CONTRIBUTING.md, Rules of the tests. */",
    "/** docs/protocol.md 1.2 (chapter 99), 4.3 */", "// all of docs/decisions/*.md, and *.api.md", "// by design: 3 attempts",
  ]) expect([code, of(code)]).toEqual([code, []]);
});
