/**
 * The register of threats, docs/threats.md, against everything that cites it: whoever reads an id finds its line, and whoever reads a line finds
 * a test, or the reason why there is none.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/documents.js";

/** Ids by where they stand in the register. */
interface Register {
  /** Lines of the tables, with the place that each points to. */
  readonly entries: readonly (readonly [id: string, where: string])[];
  readonly unproven: readonly string[];
  readonly outside: readonly string[];
}

const unprovenHeading = "Not proven by a test";
const outsideHeading = "Outside of what Sotto does today";

function readRegister(text: string): Register {
  const listed = (heading: string): string[] => {
    const [, section = ""] = text.split(`\n## ${heading}\n`);
    return [...(section.split("\n## ")[0] as string).matchAll(/^- \*\*([A-Z]\d\d)\*\*: \S/gm)].map((match) => match[1] as string);
  };
  const rows = text.matchAll(/^\| ([A-Z]\d\d) \| [^|]+ \| [^|]+ \| `([^`|]+)` \|$/gm);
  return {
    entries: [...rows].map((match) => [match[1] as string, match[2] as string] as const),
    unproven: listed(unprovenHeading),
    outside: listed(outsideHeading),
  };
}

/** Lines of `text` that begin like a table row or list item of an id and are none: the register would lose them without a word. */
function malformedLines(text: string, { entries, unproven, outside }: Register): readonly string[] {
  const begun = text.split("\n").filter((line) => /^(?:\| *|[-*] +\**)[A-Z]\d\d\b/.test(line));
  return begun.length === entries.length + unproven.length + outside.length ? [] : begun.filter((line) => !/^\| [A-Z]\d\d \| [^|]+ \| [^|]+ \| `[^`|]+` \|$|^- \*\*[A-Z]\d\d\*\*: \S/.test(line));
}

/** Every id in `text` that is a word of its own, of one of `groups`; "P01-P07" and "P01-07" are seven. A date's "T00" behind a placeholder is none. */
function idsIn(text: string, groups: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, group = "", first = "", last = first] of text.matchAll(new RegExp(`(?<![\\w}#&])([${groups}])(\\d\\d)(?:[-\u2013]\\1?(\\d\\d))?(?!\\w)`, "g"))) {
    for (let number = Number(first); number <= Number(last); number++) found.add(`${group}${String(number).padStart(2, "0")}`);
  }
  return found;
}

/** What of a test's source names something: comments, and ids with which a string begins, such as the name of a test. Other data do not. */
function namingPartsOf(source: string): string {
  const comments = source.match(/^\s*\/?\*.*$|\/\*\*.*?\*\/|(?<!:)\/\/.*$/gm) ?? [];
  const beginnings = [...source.matchAll(/["'`]((?:(?:[A-Z]\d\d(?:-[A-Z]?\d\d)?)(?:,? and |[,:]? |(?=["'`])))+)/g)].map((match) => match[1] as string);
  return [...comments, ...beginnings].join("\n");
}

function* textsIn(place: string, endings: RegExp): Generator<readonly [file: string, text: string]> {
  const absolute = path.join(root, place);
  if (!existsSync(absolute)) throw new Error(`${place} is gone: what it cites would not be looked at any more`);
  const files = endings.test(place) ? [place] : readdirSync(absolute, { recursive: true, encoding: "utf8" }).map((name) => path.join(place, name));
  for (const file of files) {
    // The reference is generated from the comments in src/. This file's own samples cite nothing.
    if (!endings.test(file) || file.includes("node_modules") || file.startsWith(path.join("docs", "api")) || file.endsWith(path.basename(import.meta.filename))) continue;
    yield [file, readFileSync(path.join(root, file), "utf8")];
  }
}

const text = readFileSync(path.join(root, "docs", "threats.md"), "utf8");
const register = readRegister(text);
const known: readonly string[] = [...register.entries.map(([id]) => id), ...register.outside];
const groups = [...new Set(known.map((id) => id.charAt(0)))].join("");

const named = new Set<string>();
for (const [, source] of textsIn("test", /\.tsx?$/)) for (const id of idsIn(namingPartsOf(source), groups)) named.add(id);

test("each id has one line in the register, and no line of it is malformed", () => {
  expect(malformedLines(text, register)).toEqual([]);
  expect(known.filter((id, index) => known.indexOf(id) !== index)).toEqual([]);
  expect(register.unproven.filter((id, index) => register.unproven.indexOf(id) !== index)).toEqual([]);
  expect(register.entries.length).toBeGreaterThan(150); // a register that cannot be read any more is no register
});

test("each place that the register points to is there", () => {
  const lost = register.entries.filter(([, where]) => !existsSync(path.join(root, "src", where)));
  expect(lost).toEqual([]);
});

test("each threat that code, tests and documents cite stands in the register", () => {
  const lines = new Set(known);
  const unknown: string[] = [];
  let citations = 0;
  const cite = (file: string, ids: ReadonlySet<string>): void => {
    citations += ids.size;
    for (const id of ids) if (!lines.has(id)) unknown.push(`${file}: ${id}`);
  };
  for (const place of ["src", "docs", "SECURITY.md", "CONTRIBUTING.md"]) for (const [file, cited] of textsIn(place, /\.(?:tsx?|md)$/)) cite(file, idsIn(cited, groups));
  for (const [file, source] of textsIn("test", /\.tsx?$/)) cite(file, idsIn(namingPartsOf(source), groups));
  expect(unknown).toEqual([]);
  expect(citations).toBeGreaterThan(1_000);
});

test(`each entry is named by a test, but for those listed as "${unprovenHeading}"`, () => {
  const excused = new Set(register.unproven);
  expect(register.entries.map(([id]) => id).filter((id) => !named.has(id) && !excused.has(id))).toEqual([]);
});

test(`what is listed as "${unprovenHeading}" is an entry that no test names`, () => {
  expect(register.unproven.filter((id) => named.has(id))).toEqual([]);
  expect(register.unproven.filter((id) => !register.entries.some(([entry]) => entry === id))).toEqual([]);
});

test("the check sees what it is for", () => {
  const ids = (of: string): string[] => [...idsIn(of, "DEPQT")];
  expect(ids("threats P01-P03, D10 (why), and `Q15`; (T05) Q20-22 E01\u2013E02")).toEqual(["P01", "P02", "P03", "D10", "Q15", "T05", "Q20", "Q21", "Q22", "E01", "E02"]);
  expect(ids("E2E 0xD10 D100 xP01 2026-01-01T00:00 ${day}T00:00 SHA-256 P1 A11 #D10 aD10b &#D10; Q15b")).toEqual([]);
  const names = (of: string): string[] => [...idsIn(namingPartsOf(of), "DEPQT")];
  for (const source of [
    'test("P01 x", f)', 'test.each(x)("P01 %s", f)', "test(`P01 ${x}`, f)", '["P01 an entity", "<a>"]', '{ name: "P01: x", threats: "P01" }', "/** Threats P01. */", " * P01", "f(); // P01",
  ]) expect([source, names(source)]).toEqual([source, ["P01"]]);
  expect(names('test("P01 D10, Q15 and T05 x", f)')).toEqual(["P01", "D10", "Q15", "T05"]);
  for (const source of ['"<body>P01</body>"', "const P01 = 1;", 'f("x P01")', '"https://a.example/P01"']) expect([source, names(source)]).toEqual([source, []]);
});

test("the check reads the register as it is meant", () => {
  const sample = [
    "| id | what | does | where |", "|---|---|---|---|", "| P01 | a | b | `x.ts` |", "",
    `## ${unprovenHeading}`, "", "- **P02**: why", "", `## ${outsideHeading}`, "", "- **P03**: why",
  ];
  expect(readRegister(sample.join("\n"))).toEqual({ entries: [["P01", "x.ts"]], unproven: ["P02"], outside: ["P03"] });
  const malformed = ["| P04 | a | b |", "| P04 | a | b | x.ts |", "- P04: why", "- **P04** why", "| P04 | a | | b | `x.ts` |"];
  for (const line of malformed) {
    const bent = [...sample, line].join("\n");
    expect([line, malformedLines(bent, readRegister(bent))]).toEqual([line, [line]]);
  }
});
