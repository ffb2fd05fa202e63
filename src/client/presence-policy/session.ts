/**
 * The policy on one server session, over any number of connections: what it is to reach there, the machine that gets there, and the stanzas between that
 * machine and the server.
 * Spec: XEP-0016, RFC 6121 section 4. Threats V01, V02. Not here: what should be (policy-now.ts), when a session begins and ends (policy-announcer.ts),
 * the order of steps (plan.ts), how a step is sent (step-stanzas.ts), how others are heard (news.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { xml } from "../../base/xml.js";
import { TransportError } from "../../transport/errors.js";
import { BlockingService } from "../../transport/features/blocking.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { clientNamespace } from "../../transport/xep/namespaces.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import type { Connection } from "../link.js";
import { seesUs, unasked } from "./compile.js";
import type { Visible } from "./levels.js";
import { type MachineState, type Outcome, PolicyMachine } from "./machine.js";
import { emptyMemory } from "./memory.js";
import { isFreed, type News, NewsReader } from "./news.js";
import { plan, planWithoutLists, type Step, type Target } from "./plan.js";
import type { PolicyDeps } from "./policy-deps.js";
import { SessionLine } from "./session-line.js";
import { carryOut, isHeld, presenceOf, type StepDeps } from "./step-stanzas.js";

export interface SessionDeps extends StepDeps, Pick<PolicyDeps, "account" | "roster"> {
  /** A name for a list that was never used. */
  readonly listName: () => string;
  /** Everybody is told that we are gone, and so the server tells whom the application directed something to. */
  readonly silenced: () => void;
  /** Called whenever the machine has moved. */
  readonly moved: (error?: unknown) => void;
  /** The list that stands for the account, or the blocks, have changed. */
  readonly standardChanged: () => void;
  /** Another list of ours is in force, or one is gone. */
  readonly listsMoved: () => void;
}

/** What stands on the server when a session begins. */
export interface Found {
  /** Presence of ours: none; perhaps some, of another process; or what another announcer has shown to everybody, with who is there. */
  readonly presence:
    | { readonly kind: "none" | "unknown" }
    | { readonly kind: "shown"; readonly broadcast: Visible | undefined; readonly online: readonly (readonly [jid: BareJid, resource: string])[] };
  /** Who may hold presence of an earlier session. */
  readonly ghosts: ReadonlySet<BareJid>;
  /** Lists of an earlier session. */
  readonly lists: readonly string[];
}

/** See the module. */
export class PolicySession {
  readonly #d: SessionDeps;
  readonly #machine: PolicyMachine;
  readonly #line = new SessionLine();
  readonly #news: NewsReader;
  #target: Target;

  constructor(deps: SessionDeps, target: Target) {
    this.#d = deps;
    this.#target = target;
    this.#machine = new PolicyMachine(emptyMemory(target), deps.listName, deps.lists ? plan : planWithoutLists);
    this.#news = new NewsReader(deps.account, (jid) => deps.roster.confirmed(jid) !== undefined);
  }

  /** What it is to reach. */
  get target(): Target {
    return this.#target;
  }

  /** How far it got. */
  get state(): MachineState {
    return this.#machine.state;
  }

  /** False: the server has no privacy lists. */
  get hasLists(): boolean {
    return this.#d.lists;
  }

  /** False between two connections. */
  get isAttached(): boolean {
    return this.#line.isAttached;
  }

  /** The rules of the list in force. */
  get rules(): readonly PrivacyRule[] | undefined {
    return this.#machine.situation.rules;
  }

  /** What `jid` is shown, as far as is known. */
  shownTo(jid: BareJid): Visible | undefined {
    return this.#machine.shownTo(jid);
  }

  /** In the first turn of the session. Returns the first steps, to be {@link perform}ed. */
  begin(connection: Connection, { presence, ghosts, lists }: Found): readonly Step[] {
    this.#listen(connection);
    this.#watchBlocks(connection);
    const contacts = this.#d.roster.confirmedContacts();
    const online = presence.kind === "shown" ? presence.online : [];
    this.#news.seed(online);
    // A list that hides us from somebody also keeps back what Prosody asks for us with the first presence. Who takes over has asked already.
    if (presence.kind !== "shown" || !this.#d.lists) this.#probe(unasked(contacts, this.#target));
    if (presence.kind === "none") return this.#machine.begin({ ghosts, lists });
    const reach = new Set(contacts.filter(seesUs).map(({ jid }) => jid));
    // What is not known may be anything: it is there to be taken back.
    const broadcast: Visible | undefined = presence.kind === "shown" ? presence.broadcast : { level: "chat" };
    return this.#machine.begin({ reach, broadcast, certain: presence.kind === "shown" && broadcast !== undefined, ghosts, lists }, online.map(([jid]) => jid));
  }

  /** The session goes on over another connection. In its first turn. */
  resume(connection: Connection): void {
    this.#listen(connection);
    this.perform(this.#machine.resume(this.#line.hasLost(connection)));
  }

  detach(): void {
    this.#line.detach();
  }

  /** Another target. */
  want(target: Target): void {
    this.#target = target;
    this.perform(this.#machine.want(target));
  }

  /** The end: nobody is to see anything. What was wanted last is still what {@link target} says. */
  farewell(): void {
    this.perform(this.#machine.want({ ...this.#target, broadcast: undefined, visible: new Map() }));
  }

  /** `jid` may see us again, and the server has told it so. `isHere`: it is known to be there, perhaps from before it was a contact. */
  regained(jid: BareJid, isHere: boolean): void {
    this.perform(isHere ? this.#machine.available(jid) : this.#machine.regained(jid));
  }

  /** Tries again after a failure. */
  retry(): void {
    this.perform(this.#machine.retry());
  }

  /** `next`, a list of the application, is in force instead of ours, and none of ours is left. @throws TransportError */
  async removeLists({ iq, signal }: Connection, next: string | undefined, onError: (error: unknown) => void): Promise<void> {
    if (!this.#d.lists) return;
    const service = new PrivacyListsService({ iq });
    await service.activate(next, signal);
    for (const list of this.#machine.situation.lists) await service.remove(list, signal).catch(onError);
    this.#d.listsMoved();
  }

  /** Sends what the machine says; returns at once. */
  perform(steps: readonly Step[]): void {
    for (const step of steps) {
      const presence = presenceOf(step, this.#d);
      if (presence === undefined) void this.#ask(step);
      else this.#line.send(presence);
      if (step.kind === "broadcast" && step.content === undefined) this.#d.silenced();
    }
    this.#d.moved();
  }

  #listen(connection: Connection): void {
    this.#line.attach(connection, (stanza) => { for (const news of this.#news.read(stanza)) this.#hear(news); });
  }

  /** From now on the server says whom another client blocks and unblocks: Prosody only to those that have asked. */
  #watchBlocks({ iq, signal }: Connection): void {
    new BlockingService({ iq }).list(signal).catch(() => undefined); // a server without blocks has nothing to say
  }

  /** Asks where contacts are. */
  #probe(contacts: readonly BareJid[]): void {
    for (const to of contacts) this.#line.send(xml(clientNamespace, "presence", { to, type: "probe" }), true);
  }

  async #ask(step: Step): Promise<void> {
    const { turn } = this.#line;
    let outcome: Outcome;
    let failure: unknown;
    try {
      outcome = await carryOut(step, this.#line.open(), this.#machine, this.#d);
    } catch (error) {
      if (error instanceof TransportError && error.code === "ERR_STREAM_CLOSED") return; // whoever connects next asks what has arrived
      failure = error;
      outcome = error instanceof TransportError && error.code === "ERR_IQ_TIMEOUT" ? "unknown" : "refused";
    }
    if (step.kind === "activate" || step.kind === "remove") this.#d.listsMoved();
    if (turn !== this.#line.turn) return;
    this.perform(this.#machine.answered(outcome));
    if (failure !== undefined && step.kind !== "remove") this.#d.moved(failure);
  }

  #hear(news: News): void {
    switch (news.kind) {
      case "came":
        this.perform(this.#machine.available(news.jid));
        break;
      case "left":
        this.#machine.unavailable(news.jid);
        break;
      case "contact": // it may have been revoked and granted again, and told so by the server, before our roster knows
        this.#machine.suspect(news.jid);
        break;
      case "lists":
        this.#listsWritten(news.names);
        break;
      case "blocked":
        this.#d.standardChanged();
        break;
      case "unblocked":
        this.#d.standardChanged();
        this.perform(this.#d.roster.confirmedContacts().filter(({ jid }) => isFreed(jid, news)).flatMap(({ jid }) => this.#machine.unblocked(jid)));
        break;
    }
  }

  #listsWritten(names: readonly string[]): void {
    const { situation, waiting } = this.#machine;
    const writing = waiting?.kind === "put" ? waiting.name : undefined;
    const ours = names.filter((name) => situation.lists.includes(name) || name === writing);
    if (ours.length === 0) this.#d.standardChanged();
    for (const name of ours) {
      const rules = this.#machine.doubt(name);
      if (rules !== undefined) void this.#compare(name, rules);
    }
  }

  /** Another client of ours may have written over a list that was in force, or comes into force. */
  async #compare(name: string, rules: readonly PrivacyRule[]): Promise<void> {
    const { turn } = this.#line;
    let isOurs = false;
    try {
      isOurs = await isHeld(name, rules, this.#line.open());
    } catch (error) {
      if (error instanceof TransportError && error.code === "ERR_STREAM_CLOSED") return; // the machine knows when the session goes on
      this.#d.moved(error);
    }
    if (turn !== this.#line.turn) return;
    const next = this.#machine.compared(name, isOurs);
    if (next === undefined) return;
    this.#line.nextTurn(); // answers to what was under way count no more
    this.perform(next);
  }
}
