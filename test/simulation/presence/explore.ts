/** Visits every state that a scenario can reach, each once, and says how the first wrong one came about. @module */
import type { Visible } from "../../../src/client/presence-policy/levels.js";
import type { Step } from "../../../src/client/presence-policy/plan.js";
import { type Finding, judge } from "./judge.js";
import { foreignList } from "./server-model.js";
import { beginning, Rulebook, type Scenario, successors, type World, type Written } from "./world.js";

export interface Exploration {
  readonly states: number;
  /** False if `limit` was reached first. */
  readonly complete: boolean;
  /** States in which nothing is under way and the target stands. */
  readonly settled: number;
  readonly finding?: Finding & { readonly trace: readonly string[] };
}

/** How a state came about; the worlds on the way are not kept. */
interface Trail {
  readonly what: string;
  readonly before: Trail | undefined;
}

interface Node {
  readonly world: World;
  readonly trail: Trail;
}

const begin = (scenario: Scenario, book: Rulebook): Node => ({ world: beginning(scenario, book), trail: { what: "start", before: undefined } });

/** Breadth first, so that the trace is a shortest one. */
export function explore(scenario: Scenario, limit = Infinity): Exploration {
  const book = new Rulebook(scenario);
  const first = begin(scenario, book);
  const seen = new Set<number>([digest(keyOf(first.world))]);
  let level: Node[] = [first];
  let settled = 0;
  while (level.length > 0) {
    const next: Node[] = [];
    for (const { world: from, trail } of level) {
      const finding = judge(from);
      if (finding !== undefined) return { states: seen.size, complete: false, settled, finding: { ...finding, trace: traceOf(trail) } };
      if (isQuiet(from)) settled++;
      for (const [what, world] of successors(from, scenario, book)) {
        if (seen.size >= limit) return { states: seen.size, complete: false, settled };
        const key = digest(keyOf(world));
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ world, trail: { what, before: trail } });
      }
    }
    level = next;
  }
  return { states: seen.size, complete: true, settled };
}

/** One long life at random. */
export function walk(scenario: Scenario, random: () => number, steps: number, visit: (state: number) => void): Exploration["finding"] {
  const book = new Rulebook(scenario);
  let { world, trail } = begin(scenario, book);
  for (let i = 0; i < steps; i++) {
    visit(digest(keyOf(world)));
    const finding = judge(world);
    if (finding !== undefined) return { ...finding, trace: traceOf(trail) };
    const choices = [...successors(world, scenario, book)];
    const chosen = choices[Math.floor(random() * choices.length)];
    if (chosen === undefined) return undefined;
    trail = { what: chosen[0], before: trail };
    world = chosen[1];
  }
  return undefined;
}

/** 53 bits of it: two states in a billion billion look the same. */
function digest(key: string): number {
  let a = 0x811c9dc5;
  let b = 0x1b873593;
  for (let i = 0; i < key.length; i++) {
    const c = key.charCodeAt(i);
    a = Math.imul(a ^ c, 0x01000193);
    b = Math.imul(b ^ c, 0x85ebca6b) + 0x7ed55d16;
    b ^= b >>> 13;
  }
  return (b & 0x1f_ffff) * 2 ** 32 + (a >>> 0);
}

const isQuiet = ({ out, in: incoming, memory }: World): boolean => out.length === 0 && incoming.length === 0 && memory !== undefined && memory.waiting === undefined && !memory.failed;

function traceOf(trail: Trail): readonly string[] {
  const trace: string[] = [];
  for (let at: Trail | undefined = trail; at !== undefined; at = at.before) trace.unshift(at.what);
  return trace;
}

const ids = new WeakMap<object, number>();
let lastId = 0;
function idOf(thing: object | undefined): number {
  if (thing === undefined) return 0;
  const known = ids.get(thing);
  if (known !== undefined) return known;
  ids.set(thing, ++lastId);
  return lastId;
}

const view = (content: Visible | undefined): string => (content === undefined ? "-" : content.level + (content.statuses === undefined ? "" : "*"));
const written = (each: Written): string => (each.kind === "compare" ? `c${each.name}` : step(each) + (each.stale === true ? "!" : ""));
const set = (things: Iterable<string>): string => [...things].sort().join();

function step(each: Step | undefined): string {
  if (each === undefined) return "-";
  switch (each.kind) {
    case "put": return `p${each.name}:${idOf(each.rules).toString()}`;
    case "activate": return `a${each.name ?? ""}:${set(each.reach)}:${idOf(each.rules).toString()}`;
    case "remove": return `d${each.name}`;
    case "broadcast": return `b${view(each.content)}`;
    case "direct": return `u${each.to}${view(each.content)}`;
    case "retract": return `r${each.to}`;
    case "remember": return `m${set(each.ghosts)}`;
    case "aim": return `t${set(each.reach)}`;
    default: return each.kind;
  }
}

/** All that can make a difference. */
export function keyOf({ server, memory, out, in: incoming, connection, rules, known, blocked: denied, foreign, unnoticed, bounds, ghosts, events }: World): string {
  const contacts = [...server.contacts].map(([jid, { online, sees, blocked, view: seen }]) => `${jid}${Number(online)}${Number(sees)}${Number(blocked)}${view(seen)}`);
  const lists = [...server.lists].map(([name, allowed]) => `${name}=${allowed === foreignList ? "*" : [...allowed].sort().join()}`);
  const notices = incoming.map((notice) => {
    switch (notice.kind) {
      case "roster": return `R${notice.jid}${Number(notice.sees)}`;
      case "regrouped": return `G${notice.rules.toString()}`;
      case "answer": return `A${(connection - notice.connection).toString()}${notice.outcome}`;
      case "standard": return `S${notice.jid}${Number(notice.blocked)}`;
      case "list": return `L${notice.name}`;
      case "compared": return `C${(connection - notice.connection).toString()}${notice.name}${Number(notice.isOurs)}`;
      default: return notice.kind + notice.jid;
    }
  });
  const m = memory === undefined ? "dead" : [
    memory.now.list ?? "", idOf(memory.now.rules), set(memory.now.reach), view(memory.now.broadcast), memory.now.certain, set(memory.now.ghosts),
    memory.now.former ?? "", memory.now.lists.join(), idOf(memory.goal), idOf(memory.wanted), memory.steps.map(step).join(), step(memory.waiting), memory.failed,
    [...memory.shown].map(([jid, { directed, sure }]) => jid + view(directed) + (sure ? "" : "?")).sort().join(), set(memory.online), set(memory.retracted), set(memory.raced), memory.names,
    set(memory.doubted), memory.again,
  ].join("/");
  return [
    server.up, view(server.broadcast), server.active ?? "", lists.join(";"), set(server.directed), contacts.join(";"), m, out.map(written).join(), notices.join(),
    rules, [...known].join(";"), bounds.map(idOf).join(), set(ghosts), events, set(denied), foreign, unnoticed,
  ].join("|");
}
