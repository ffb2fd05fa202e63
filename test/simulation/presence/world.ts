/**
 * Our machine, the server and everybody else as one state, and all states that may follow it. Between any two stanzas anything may happen.
 * @module
 */
import type { BareJid } from "../../../src/base/jid.js";
import { lower, meet, type Level, type Visible } from "../../../src/client/presence-policy/levels.js";
import { PolicyMachine } from "../../../src/client/presence-policy/machine.js";
import { emptyMemory, type MachineMemory } from "../../../src/client/presence-policy/memory.js";
import { isAnswered, plan, planWithoutLists, type Planner, type Step, type Target } from "../../../src/client/presence-policy/plan.js";
import { Shown } from "../../../src/client/presence-policy/shown.js";
import type { PrivacyRule } from "../../../src/transport/xep/xep0016.js";
import {
  block, broadcast, copyServer, direct, endSession, foreignList, isHeard, isTampered, logIn, logOut, type Make, type Notice, type ServerModel, subscribe, unblock,
} from "./server-model.js";

/** What each contact may see at most, and what we say of ourselves. */
export interface RuleSet {
  readonly own: Level;
  readonly levels: Readonly<Record<string, Level>>;
}

/** A case to explore. */
export interface Scenario {
  readonly name: string;
  /** Rule sets in the order in which they may come into force: by us, by a clock, or by another client's change of groups. */
  readonly rules: readonly RuleSet[];
  readonly contacts: Readonly<Record<string, { readonly sees: boolean; readonly tells: boolean; readonly online: boolean }>>;
  /** How many things others may do. */
  readonly events: number;
  /** What may happen beside logins: everything unless given. */
  readonly happenings?: readonly Happening[];
  /** False: the server has no privacy lists, and the application took the degraded mode. */
  readonly lists?: boolean;
  /** True: other clients of ours leave lists alone until our client knows that they are in force. */
  readonly inForceOnly?: boolean;
  /** Which server it is like, where they differ. Default: Prosody. */
  readonly make?: Make;
  /** Blocks on Prosody exactly as they are: then somebody who should be told that we are gone may be out of reach for ever. */
  readonly exactBlocks?: boolean;
  readonly planner?: Planner;
  readonly machine?: (memory: MachineMemory, listName: (n: number) => string, planner: Planner) => PolicyMachine;
}

/** `overwrite`, `remove`: another client of ours does it to a list of this one. */
export type Happening = "login" | "roster" | "block" | "unblock" | "crash" | "cut" | "refusal" | "silence" | "overwrite" | "remove";

/**
 * What our client writes: steps, and the question what a list holds after another client has written it (session.ts). `stale`: nobody waits for the
 * answer any more.
 */
export type Written = (Step & { readonly stale?: true }) | { readonly kind: "compare"; readonly name: string; readonly connection: number };

export interface World {
  readonly server: ServerModel;
  memory: MachineMemory | undefined;
  /** Written by our client and not handled yet. */
  out: readonly Written[];
  /** Sent by the server and not read yet. */
  in: readonly Notice[];
  connection: number;
  /** The index of the rule set in force at our client. */
  rules: number;
  /** Who sees us, as far as our client knows. */
  readonly known: Map<BareJid, boolean>;
  /** Who is blocked, as far as our client knows: what the default list says, which on Prosody does not hold the blocks. */
  readonly blocked: Set<BareJid>;
  /** Another client has put a list of ours out of force, and we have not settled since: until then whoever comes sees the broadcast. */
  foreign: boolean;
  /** On ejabberd nobody says so if the list is gone: true until the next request of ours that looks for it was handled. */
  unnoticed: boolean;
  /** Everything a view may show until the present change is done. */
  bounds: readonly Target[];
  /** On our disk. */
  ghosts: readonly BareJid[];
  events: number;
  /** Plans that are enough for all that can happen. */
  readonly patience: number;
}

export class Rulebook {
  readonly #scenario: Scenario;
  readonly #targets = new Map<string, Target>();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  target(rules: number, { known, blocked }: Pick<World, "known" | "blocked">): Target {
    const key = JSON.stringify([rules, [...known], [...blocked].sort()]);
    const found = this.#targets.get(key);
    if (found !== undefined) return found;
    const { own, levels } = this.#scenario.rules[rules] ?? { own: "offline", levels: {} };
    const visible = new Map<BareJid, Visible>();
    const contacts = Object.keys(this.#scenario.contacts) as BareJid[];
    for (const jid of contacts) {
      const level = lower(own, levels[jid] ?? "offline");
      if (known.get(jid) === true && level !== "offline" && !blocked.has(jid)) visible.set(jid, level === own ? { level, statuses: { "": "own words" } } : { level });
    }
    const least = [...visible.values()].reduce<Visible | undefined>((a, b) => (a === undefined ? b : meet(a, b)), undefined);
    const silent = own === "offline" || (this.#scenario.lists === false && contacts.some((jid) => levels[jid] === "offline"));
    const target: Target = {
      broadcast: silent ? undefined : least ?? { level: "xa" },
      visible, rules: this.#listOf(visible, blocked), blind: new Set(contacts.filter((jid) => this.#scenario.contacts[jid]?.tells === false)),
      hidden: new Set(contacts.filter((jid) => known.get(jid) === true && !visible.has(jid))),
    };
    this.#targets.set(key, target);
    return target;
  }

  // The same list for the same contacts.
  #listOf(visible: ReadonlyMap<BareJid, Visible>, blocked: ReadonlySet<BareJid>): readonly PrivacyRule[] {
    const key = `list ${JSON.stringify([[...visible.keys()], [...blocked].sort()])}`;
    const known = this.#targets.get(key);
    if (known !== undefined) return known.rules;
    const rules = [
      ...[...blocked].map((jid): PrivacyRule => ({ action: "deny", match: { kind: "jid", jid } })),
      ...[...visible.keys()].map((jid): PrivacyRule => ({ action: "allow", match: { kind: "jid", jid }, kinds: ["presence-out"] })),
    ];
    this.#targets.set(key, { broadcast: undefined, visible: new Map(), rules, blind: new Set(), hidden: new Set() });
    return rules;
  }
}

const listName = (n: number): string => n.toString();

function machineOf(world: World, scenario: Scenario): PolicyMachine {
  if (world.memory === undefined) throw new TypeError("our process is not running");
  return (scenario.machine ?? ((memory, name, planner) => new PolicyMachine(memory, name, planner)))(world.memory, listName, scenario.planner ?? (scenario.lists === false ? planWithoutLists : plan));
}

/** Before anything happened: the first login is to come. */
export function beginning(scenario: Scenario, book: Rulebook): World {
  const contacts = Object.entries(scenario.contacts).map(([jid, contact]) => [jid as BareJid, { ...contact, blocked: false, view: undefined }] as const);
  const world: World = {
    server: { make: scenario.make ?? "prosody", exactBlocks: scenario.exactBlocks ?? false, up: true, broadcast: undefined, active: undefined, lists: new Map(), directed: new Set(), contacts: new Map(contacts) },
    memory: undefined, out: [], in: [], connection: 0, rules: 0, known: new Map(contacts.map(([jid, { sees }]) => [jid, sees])),
    blocked: new Set(), foreign: false, unnoticed: false, bounds: [], ghosts: [],
    events: scenario.events, patience: 10 + 4 * (scenario.events + scenario.rules.length),
  };
  start(world, scenario, book);
  return world;
}

/** Our process starts and logs in. */
function start(world: World, scenario: Scenario, book: Rulebook): void {
  world.blocked.clear();
  for (const [jid, { sees, blocked }] of world.server.contacts) {
    world.known.set(jid, sees);
    if (blocked && world.server.make === "ejabberd") world.blocked.add(jid);
  }
  const target = book.target(world.rules, world);
  world.memory = emptyMemory(target);
  world.server.up = true;
  world.connection += 1;
  world.bounds = [...world.bounds, target];
  for (const [jid, { online }] of world.server.contacts) if (online && isHeard(world.server, jid)) world.in = [...world.in, { kind: "available", jid }];
  const lists = [...world.server.lists.keys()];
  world.memory.names = lists.reduce((most, name) => Math.max(most, Number(name) + 1), 0);
  emit(world, scenario, machineOf(world, scenario).begin({ ghosts: new Set(world.ghosts), lists }));
}

/** What the machine says is on its way; what goes to the disk is there. */
function emit(world: World, scenario: Scenario, steps: readonly Step[]): void {
  world.out = [...world.out, ...steps];
  const machine = machineOf(world, scenario);
  while (machine.waiting?.kind === "remember") {
    world.ghosts = machine.waiting.ghosts;
    world.out = world.out.filter(({ kind }) => kind !== "remember");
    world.out = [...world.out, ...machine.answered("done")];
  }
  if (machine.state !== "settled") return;
  world.bounds = world.bounds.slice(-1);
  const looking = world.in.some(({ kind }) => kind === "list" || kind === "compared") || world.out.some(({ kind }) => kind === "compare");
  world.foreign &&= looking || world.unnoticed || isTampered(world.server);
}

function want(world: World, scenario: Scenario, book: Rulebook): void {
  const target = book.target(world.rules, world);
  world.bounds = [...world.bounds, target];
  emit(world, scenario, machineOf(world, scenario).want(target));
}

const copy = (world: World): World => ({
  ...world, server: copyServer(world.server), known: new Map(world.known), blocked: new Set(world.blocked),
  memory: world.memory === undefined ? undefined : {
    ...world.memory, shown: new Shown(world.memory.shown), online: new Set(world.memory.online),
    retracted: new Set(world.memory.retracted), raced: new Set(world.memory.raced), doubted: new Set(world.memory.doubted),
  },
});

/** All worlds that may follow, each with what happened. */
export function* successors(world: World, scenario: Scenario, book: Rulebook): Generator<readonly [what: string, world: World]> {
  const after = (what: string, change: (next: World) => void): readonly [string, World] => {
    const next = copy(world);
    change(next);
    return [what, next];
  };
  const may = (happening: Happening): boolean => world.events > 0 && scenario.happenings?.includes(happening) !== false;
  const [step] = world.out;
  if (step !== undefined && world.server.up) {
    yield after(`server: ${step.kind}`, (next) => { handle(next, scenario, "done"); });
    if (may("refusal") && (step.kind === "put" || step.kind === "activate")) yield after(`server refuses ${step.kind}`, (next) => { next.events--; handle(next, scenario, "refused"); });
    if (may("silence") && world.memory?.waiting !== undefined && step.kind !== "compare" && step.stale !== true && isAnswered(step)) yield after(`server does not answer ${step.kind}`, (next) => { silent(next, scenario); });
  }
  if (world.memory !== undefined) {
    if (world.in.length > 0) yield after(`read ${world.in[0]?.kind ?? ""}`, (next) => { read(next, scenario, book); });
    if (world.rules + 1 < scenario.rules.length) {
      yield after("rules change", (next) => { next.rules++; want(next, scenario, book); });
      if (may("roster")) yield after("regrouped elsewhere", (next) => { next.in = [...next.in, { kind: "regrouped", rules: next.rules + 1 }]; next.events--; });
    }
    if (machineOf(world, scenario).state === "failed" && world.out.length === 0) yield after("retry", (next) => { emit(next, scenario, machineOf(next, scenario).retry()); });
    if (may("crash")) yield after("crash", (next) => { Object.assign(next, { memory: undefined, in: [], events: next.events - 1 }); });
    if (may("cut")) yield after("cut and resumed", (next) => { resume(next, scenario); });
  } else {
    if (world.server.up) yield after("the server ends the session", (next) => { next.out = []; endSession(next.server); });
    else yield after("restart", (next) => { start(next, scenario, book); });
  }
  yield* others(world, after, may);
  yield* tampering(world, scenario, after, may);
}

function* others(
  world: World, after: (what: string, change: (next: World) => void) => readonly [string, World], may: (happening: Happening) => boolean,
): Generator<readonly [string, World]> {
  for (const [jid, { online, sees, blocked }] of world.server.contacts) {
    const event = (what: string, change: (next: World) => void): readonly [string, World] => after(`${jid} ${what}`, (next) => { next.events--; change(next); });
    const tell = (next: World, kind: "available" | "unavailable"): void => { if (isHeard(next.server, jid)) next.in = [...next.in, { kind, jid }]; };
    if (may("login")) {
      if (online) {
        yield event("logs out", (next) => { logOut(next.server, jid); tell(next, "unavailable"); });
        yield event("comes anew", (next) => { logOut(next.server, jid); tell(next, "unavailable"); tell(next, "available"); logIn(next.server, jid); });
      } else yield event("logs in", (next) => { tell(next, "available"); logIn(next.server, jid); });
    }
    if (may("roster")) {
      yield event(sees ? "is revoked" : "is approved", (next) => {
        subscribe(next.server, jid, !sees);
        next.in = [...next.in, { kind: "roster", jid, sees: !sees }];
      });
    }
    if (may(blocked ? "unblock" : "block")) yield event(blocked ? "is unblocked" : "is blocked", (next) => {
      (blocked ? unblock : block)(next.server, jid);
      if (blocked && next.server.up) next.in = [...next.in, { kind: "unblocked", jid }];
      if (next.server.make === "ejabberd") next.in = [...next.in, { kind: "standard", jid, blocked: !blocked }];
    });
  }
}

function* tampering(
  world: World, { inForceOnly = false }: Scenario, after: (what: string, change: (next: World) => void) => readonly [string, World], may: (happening: Happening) => boolean,
): Generator<readonly [string, World]> {
  for (const [name, list] of world.server.lists) {
    if (inForceOnly && world.memory?.now.list !== name) continue;
    const active = world.server.active === name;
    const tampered = (next: World): void => { next.events--; next.foreign ||= active; };
    if (may("overwrite") && list !== foreignList) yield after(`another client writes over list ${name}`, (next) => {
      tampered(next);
      next.server.lists.set(name, foreignList);
      next.in = [...next.in, { kind: "list", name }];
    });
    // Prosody lets nobody remove a list that another session has in force.
    if (may("remove") && !(active && world.server.make === "prosody")) yield after(`another client removes list ${name}`, (next) => {
      tampered(next);
      next.unnoticed ||= active;
      next.server.lists.delete(name);
    });
  }
}

/** The server handles the next stanza of ours. */
function handle(world: World, scenario: Scenario, asked: "done" | "refused"): void {
  const [step, ...rest] = world.out;
  world.out = rest;
  if (step === undefined) return;
  const { server } = world;
  if (step.kind === "compare") {
    world.in = [...world.in, { kind: "compared", connection: step.connection, name: step.name, isOurs: (server.lists.get(step.name) ?? foreignList) !== foreignList }];
    return;
  }
  const outcome = !isPossible(world, step) ? "refused" : asked === "done" && isChanged(world, scenario, step) ? "changed" : asked;
  if (step.kind === "confirm") world.unnoticed = false; // whatever it was, our client has looked
  if (outcome !== "refused") {
    switch (step.kind) {
      case "put": server.lists.set(step.name, new Map(step.rules.flatMap(({ action, match }) => (match.kind === "jid" ? [[match.jid as BareJid, action === "allow"]] : [])))); break;
      case "remove":
        server.lists.delete(step.name);
        if (server.active === step.name) server.active = undefined; // as Prosody does, and ejabberd refuses
        break;
      case "activate":
        server.active = step.name;
        world.foreign ||= isTampered(server);
        break;
      case "broadcast": broadcast(server, step.content); break;
      case "direct": direct(server, step.to, step.content); break;
      case "retract": direct(server, step.to, undefined); break;
      default:
    }
  }
  const connection = step.stale === true ? world.connection - 1 : world.connection;
  if (isAnswered(step) && world.memory !== undefined) world.in = [...world.in, { kind: "answer", connection, outcome }];
}

/** False: the server refuses it, or our client finds that it did not do it. */
function isPossible({ server, memory }: World, step: Step): boolean {
  switch (step.kind) {
    case "activate": return step.name === undefined || server.lists.has(step.name);
    case "remove": return server.lists.has(step.name) && !(server.make === "ejabberd" && server.active === step.name);
    case "confirm": return memory === undefined || server.active === undefined || (server.active === memory.now.list && server.lists.has(server.active));
    default: return true;
  }
}

/** What our client asks together with the step: is the list that was in force still there, and does the new one hold what was stored (session.ts)? */
function isChanged(world: World, scenario: Scenario, step: Step): boolean {
  const { server } = world;
  const reliedOn = world.memory === undefined ? undefined : machineOf(world, scenario).reliedOn;
  const gone = reliedOn !== undefined && !server.lists.has(reliedOn);
  if (step.kind === "put") return gone;
  return step.kind === "activate" && step.name !== undefined && step.rules !== undefined && (gone || server.lists.get(step.name) === foreignList);
}

/** It is done, and nobody says so until our client gives up waiting. */
function silent(world: World, scenario: Scenario): void {
  world.events--;
  handle(world, scenario, "done");
  world.in = world.in.slice(0, -1);
  emit(world, scenario, machineOf(world, scenario).answered("unknown"));
}

/** What was not handled is lost, answers that were under way are nobody's any more; what contacts did is told afterwards. */
function resume(world: World, scenario: Scenario): void {
  world.events--;
  const lost = world.out.some(({ kind }) => kind !== "compare"); // only presence and steps are counted, and asked for again
  world.out = [];
  world.connection++;
  emit(world, scenario, machineOf(world, scenario).resume(lost));
}

function read(world: World, scenario: Scenario, book: Rulebook): void {
  const [notice, ...rest] = world.in;
  world.in = rest;
  const machine = machineOf(world, scenario);
  switch (notice?.kind) {
    case "available":
      emit(world, scenario, machine.available(notice.jid));
      break;
    case "unavailable":
      machine.unavailable(notice.jid);
      break;
    case "roster":
      world.known.set(notice.jid, notice.sees);
      want(world, scenario, book);
      if (notice.sees) emit(world, scenario, machine.regained(notice.jid));
      break;
    case "standard":
      if (notice.blocked) world.blocked.add(notice.jid);
      else world.blocked.delete(notice.jid);
      want(world, scenario, book);
      break;
    case "unblocked":
      emit(world, scenario, machine.unblocked(notice.jid));
      break;
    case "list":
      if (machine.doubt(notice.name) !== undefined) world.out = [...world.out, { kind: "compare", name: notice.name, connection: world.connection }];
      break;
    case "compared": {
      const next = notice.connection === world.connection ? machine.compared(notice.name, notice.isOurs) : undefined;
      if (next === undefined) break;
      world.connection++; // answers to what is under way count no more
      world.out = world.out.map((each) => (each.kind === "compare" ? each : { ...each, stale: true }));
      emit(world, scenario, next);
      break;
    }
    case "regrouped":
      world.rules = Math.max(world.rules, notice.rules);
      want(world, scenario, book);
      break;
    case "answer":
      if (notice.connection === world.connection) emit(world, scenario, machine.answered(notice.outcome));
      break;
    default:
  }
}
