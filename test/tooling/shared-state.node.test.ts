/** Nothing that changes lives in a module: accounts in one process could meet there. The few exceptions say why they are none. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../src/", import.meta.url));

/** What holds something, and nothing of an account. */
const allowed: Readonly<Record<string, string>> = {
  "crypto/fingerprint.ts remembered": "results of a pure function of public keys",
  "crypto/identity-key.ts valid": "results of a pure function of public keys",
  "crypto/identity-key.ts curveForms": "results of a pure function of public keys",
  "storage/node-database.ts databases": "which directories are open: two handles on one directory must be one database",
  "storage/node-database.ts doors": "who waits to open a directory",
  "storage/node-database.ts writers": "who waits to write, by database",
  "transport/xml/markup-guard.ts markup": "where a search begins, set before each one and used in the same turn",
};

/** Classes whose instances hold nothing, or whose contents this check sees to (typed arrays and dates do not grow). */
const harmless = /^(TextEncoder|TextDecoder|RegExp|Uint8Array|Uint32Array|BigInt64Array|Intl\.\w+)$/;
const mutators = /^(set|add|delete|clear|push|pop|shift|unshift|splice|fill|sort|reverse|copyWithin)$/;

function* sources(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* sources(file);
    else if (entry.name.endsWith(".ts") && !entry.name.endsWith(".d.ts")) yield file;
  }
}

/** Names of what `file` keeps in its module and may change, with the reason. */
export function mutableState(text: string): readonly string[] {
  const file = ts.createSourceFile("x.ts", text, ts.ScriptTarget.Latest, true);
  const found = new Set<string>();
  const names = new Set<string>();
  for (const statement of file.statements) {
    if (ts.isClassDeclaration(statement)) {
      for (const member of statement.members) {
        const isStatic = ts.canHaveModifiers(member) && ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) === true;
        if (isStatic && ts.isPropertyDeclaration(member)) found.add(`${statement.name?.text ?? ""}.${member.name.getText()}: a static field`);
      }
    }
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, type, initializer } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(name)) continue;
      names.add(name.text);
      if ((statement.declarationList.flags & ts.NodeFlags.Const) === 0) found.add(`${name.text}: not a constant`);
      const frozen = /^(Readonly|readonly )/.test(type?.getText() ?? "");
      if (initializer === undefined || !ts.isNewExpression(initializer) || frozen || harmless.test(initializer.expression.getText())) continue;
      // By object, weakly: what belongs to an account goes with it, and another one cannot ask for it.
      if (/^Weak(Map|Set)$/.test(initializer.expression.getText())) continue;
      found.add(`${name.text}: an object that may hold something`);
    }
  }
  const look = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment && node.operatorToken.kind <= ts.SyntaxKind.LastAssignment) {
      const target = node.left;
      if ((ts.isPropertyAccessExpression(target) || ts.isElementAccessExpression(target)) && ts.isIdentifier(target.expression) && names.has(target.expression.text)) {
        if (!isShadowed(target.expression)) found.add(`${target.expression.text}: changed`);
      }
    }
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && mutators.test(node.expression.name.text)) {
      const holder = node.expression.expression;
      if (ts.isIdentifier(holder) && names.has(holder.text) && !isShadowed(holder) && !weak(file, holder.text)) found.add(`${holder.text}: changed`);
    }
    ts.forEachChild(node, (child) => { look(child); });
  };
  look(file);
  return [...found];
}

const weak = (file: ts.SourceFile, name: string): boolean => new RegExp(`const ${name} = new Weak(Map|Set)`).test(file.text);

/** Whether a parameter or a variable of a function around it has the same name. */
function isShadowed(identifier: ts.Identifier): boolean {
  for (let node: ts.Node = identifier.parent; !ts.isSourceFile(node); node = node.parent) {
    if (ts.isFunctionLike(node) && node.parameters.some((parameter) => parameter.name.getText().split(/\W+/).includes(identifier.text))) return true;
    if (ts.isBlock(node) && node.statements.some((statement) => ts.isVariableStatement(statement)
      && statement.declarationList.declarations.some(({ name }) => name.getText().split(/\W+/).includes(identifier.text)))) return true;
    if (ts.isForOfStatement(node) && node.initializer.getText().split(/\W+/).includes(identifier.text)) return true;
  }
  return false;
}

test("two accounts in one process share no state of a module: whatever holds something belongs to a client", () => {
  const found: string[] = [];
  for (const file of sources(root)) {
    const name = path.relative(root, file).split(path.sep).join("/");
    if (name.startsWith("testing")) continue; // for tests, not for applications
    for (const each of mutableState(readFileSync(file, "utf8"))) found.push(`${name} ${each}`);
  }
  const unexplained = found.filter((each) => !Object.keys(allowed).some((known) => each.startsWith(`${known}:`)));
  expect(unexplained).toEqual([]);
  for (const known of Object.keys(allowed)) expect(found.some((each) => each.startsWith(`${known}:`)), `${known} is gone: take it off the list`).toBe(true);
});

test("the check sees what it is for", () => {
  const seen = (text: string): number => mutableState(text).length;
  for (const text of [
    "let last = 0;", "export let last = 0;", "const cache = new Map<string, string>();", "const keys = new KeyCache();", "class A { static count = 0; }",
    "const list: string[] = []; export function add(x: string): void { list.push(x); }", "const table = {}; export function put(): void { table['x'] = 1; }",
    "const names: ReadonlySet<string> = new Set(); function f(): void { (names).size; } const more = new Set(); ",
  ]) expect([text, seen(text) > 0]).toEqual([text, true]);
  for (const text of [
    "const names: ReadonlySet<string> = new Set(['a']);", "const encoder = new TextEncoder();", "const seen = new WeakMap<object, string>(); function f(o: object): void { seen.set(o, 'x'); }",
    "const limit = 3; function f(): void { let own = 0; own += limit; }", "const list = [1]; function f(list: number[]): void { list.push(1); }", "class A { static of(): A { return new A(); } }",
  ]) expect([text, seen(text)]).toEqual([text, 0]);
});
