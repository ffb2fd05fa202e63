/**
 * The machine on one server session: steps become stanzas and requests, and what comes in becomes input. Every request is checked against what
 * the server then says (threats V02).
 * Spec: XEP-0016, RFC 6121 section 4. Threats V01, V02. Not here: what should be (compile.ts), when (policy-announcer.ts).
 * @module
 */
import { type BareJid, domainOf, parseJid, resourceOf, toBare } from "../../base/jid.js";
import { findChildren, isElement, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../../transport/errors.js";
import { BlockingService } from "../../transport/features/blocking.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { blockingNamespace, clientNamespace, privacyNamespace } from "../../transport/xep/namespaces.js";
import { encodePresence, encodeUnavailable } from "../../transport/xep/rfc6121-presence.js";
import { type PrivacyListContent, type PrivacyRule, stanzaKinds } from "../../transport/xep/xep0016.js";
import { decodeBlockingPush } from "../../transport/xep/xep0191.js";
import type { Connection } from "../link.js";
import { toPresence, type Visible } from "./levels.js";
import type { Outcome, PolicyMachine } from "./machine.js";
import type { Step } from "./plan.js";

export interface SessionDeps {
  readonly account: BareJid;
  readonly machine: PolicyMachine;
  /** False: the server has no privacy lists. */
  readonly lists: boolean;
  readonly priority: () => number | undefined;
  readonly extras: () => readonly XmlElement[];
  readonly contacts: () => readonly BareJid[];
  readonly remember: (ghosts: readonly BareJid[]) => Promise<void>;
  /** Called whenever the machine has moved. */
  readonly moved: (error?: unknown) => void;
  /** The list that stands for the account, or the blocks, have changed. */
  readonly standardChanged: () => void;
}

const rosterNamespace = "jabber:iq:roster";

/** Lives as long as the server's session, over any number of connections. */
export class PolicySession {
  readonly #d: SessionDeps;
  #connection: Connection | undefined;
  #service: PrivacyListsService | undefined;
  /** Answers of former connections count no more. */
  #turn = 0;
  /** The number of the last stanza that showed somebody something. */
  #sent = 0;
  readonly #resources = new Map<BareJid, Set<string>>();

  constructor(deps: SessionDeps) {
    this.#d = deps;
  }

  /** In the first turn of a connection. */
  attach(connection: Connection): void {
    this.#connection = connection;
    this.#service = new PrivacyListsService({ iq: connection.iq });
    this.#turn++;
    connection.stream.onStanza((stanza) => { if (this.#connection === connection) this.#take(stanza); });
  }

  /** The session goes on over the connection that was attached. */
  resumed(): void {
    const start = this.#connection?.stream.start;
    this.perform(this.#d.machine.resume(start?.kind !== "resumed" || start.handled < this.#sent));
  }

  detach(): void {
    this.#connection = undefined;
    this.#turn++;
  }

  /** Who is there already, for a session that is taken over. */
  seed(online: Iterable<readonly [jid: BareJid, resource: string]>): void {
    for (const [jid, resource] of online) this.#resourcesOf(jid).add(resource);
  }

  /** From now on the server says whom another client blocks and unblocks: Prosody only to those that have asked. */
  watchBlocks(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    new BlockingService({ iq: connection.iq }).list(connection.signal).catch(() => undefined); // a server without blocks has nothing to say
  }

  /** Asks where contacts are: a list that hides us from them also keeps back what Prosody asks for us with the first presence. */
  probe(contacts: readonly BareJid[]): void {
    for (const to of contacts) this.#send(xml(clientNamespace, "presence", { to, type: "probe" }));
  }

  /** Sends what the machine says; returns at once. */
  perform(steps: readonly Step[]): void {
    for (const step of steps) {
      const presence = this.#presenceOf(step);
      if (presence === undefined) void this.#ask(step);
      else this.#send(presence);
    }
    this.#d.moved();
  }

  #send(stanza: XmlElement): void {
    try {
      const { sequence, written } = this.#open().stream.sendTracked(stanza);
      this.#sent = sequence;
      written.catch(() => undefined); // the stream ends, and the next one looks at what arrived
    } catch {
      this.#sent = Infinity; // not even written: lost for sure
    }
  }

  #presenceOf(step: Step): XmlElement | undefined {
    const shown = (content: Visible, to?: BareJid): XmlElement =>
      encodePresence(toPresence(content, this.#d.priority()), { extras: this.#d.extras(), ...(to === undefined ? {} : { to }) });
    switch (step.kind) {
      case "broadcast": return step.content === undefined ? encodeUnavailable() : shown(step.content);
      case "direct": return shown(step.content, step.to);
      case "retract": return encodeUnavailable({ to: step.to });
      default: return undefined;
    }
  }

  async #ask(step: Step): Promise<void> {
    const turn = this.#turn;
    let outcome: Outcome = "done";
    let failure: unknown;
    try {
      if (await this.#carryOut(step) === "changed") outcome = "changed";
    } catch (error) {
      if (error instanceof TransportError && error.code === "ERR_STREAM_CLOSED") return; // whoever connects next asks what has arrived
      failure = error;
      outcome = error instanceof TransportError && error.code === "ERR_IQ_TIMEOUT" ? "unknown" : "refused";
    }
    if (turn !== this.#turn) return;
    const next = this.#d.machine.answered(outcome);
    this.perform(next);
    if (failure !== undefined && step.kind !== "remove") this.#d.moved(failure);
  }

  /** `changed`: it was done, and somebody else has done something to our lists. */
  async #carryOut(step: Step): Promise<"done" | "changed"> {
    const { signal } = this.#open();
    const service = this.#service as PrivacyListsService;
    const { reliedOn } = this.#d.machine;
    // ejabberd says nothing when another client removes the list in force, and then the account's default list holds.
    const gone = (names: readonly string[]): boolean => reliedOn !== undefined && !names.includes(reliedOn);
    switch (step.kind) {
      case "remember":
        await this.#d.remember(step.ghosts);
        break;
      case "put": {
        await service.put(step.name, step.rules, signal);
        const [held, { names }] = await Promise.all([service.get(step.name, signal), service.lists(signal)]);
        if (!holds(held, step.rules)) throw unreliable();
        return gone(names) ? "changed" : "done";
      }
      case "activate": {
        // Asked together: nobody gets a moment more in which his login has to be looked for.
        const { name, rules } = step;
        const [, { active, names }, held] = await Promise.all([
          service.activate(name, signal), service.lists(signal), name === undefined || rules === undefined ? undefined : service.get(name, signal).catch(() => undefined),
        ]);
        if (active !== name) throw unreliable();
        return rules !== undefined && (gone(names) || !holds(held, rules)) ? "changed" : "done";
      }
      case "remove":
        await service.remove(step.name, signal);
        break;
      case "confirm":
        await this.#confirm(service, signal);
        break;
      default: // presence, which has no answer
    }
    return "done";
  }

  async #confirm(service: PrivacyListsService, signal: AbortSignal): Promise<void> {
    if (!this.#d.lists) {
      // Any answer says that everything before it was handled.
      await this.#open().iq.request({ type: "get", payload: xml("urn:xmpp:ping", "ping"), signal }).catch((error: unknown) => {
        if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") throw error;
      });
      return;
    }
    const { active, names } = await service.lists(signal);
    const { list } = this.#d.machine.situation;
    // ejabberd names a list as active that somebody has removed.
    if (active !== list || (list !== undefined && !names.includes(list))) throw unreliable();
  }

  #take(stanza: XmlElement): void {
    if (isElement(stanza, clientNamespace, "presence")) this.#takePresence(stanza);
    else if (isElement(stanza, clientNamespace, "iq") && stanza.attrs["type"] === "set") this.#takePush(stanza);
  }

  #takePresence(stanza: XmlElement): void {
    const from = parseJid(stanza.attrs["from"] ?? "");
    const { type } = stanza.attrs;
    if (from === undefined || (type !== undefined && type !== "unavailable")) return;
    const jid = toBare(from);
    if (jid === this.#d.account) return;
    const resource = resourceOf(from) ?? "";
    const here = this.#resourcesOf(jid);
    if (type === "unavailable") {
      if (resource === "") here.clear();
      else here.delete(resource);
      if (here.size > 0) return;
      this.#resources.delete(jid);
      this.#d.machine.unavailable(jid);
      return;
    }
    const fresh = !here.has(resource) && this.#resources.has(jid);
    if (here.size < resourcesMax) here.add(resource);
    // Our own upgrade makes another client of this kind answer with its own: only who comes is answered, not who goes on talking.
    if (fresh) this.perform(this.#d.machine.available(jid));
  }

  #takePush(stanza: XmlElement): void {
    const from = parseJid(stanza.attrs["from"] ?? this.#d.account);
    if (from !== this.#d.account) return;
    for (const child of stanza.children) {
      if (typeof child !== "object") continue;
      if (child.ns === rosterNamespace) {
        for (const item of findChildren(child, rosterNamespace, "item")) {
          const jid = parseJid(item.attrs["jid"] ?? "");
          // It may have been revoked and granted again, and told so by the server, before our roster knows.
          if (jid !== undefined) this.#d.machine.suspect(toBare(jid));
        }
      } else if (child.ns === privacyNamespace) this.#takeListPush(child);
      else if (child.ns === blockingNamespace) this.#takeBlocks(child);
    }
  }

  #takeListPush(push: XmlElement): void {
    const { lists } = this.#d.machine.situation;
    const ours = findChildren(push, privacyNamespace, "list").map(({ attrs }) => attrs["name"] ?? "").filter((name) => lists.includes(name) || name === this.#writing);
    if (ours.length === 0) this.#d.standardChanged();
    for (const name of ours) {
      const rules = this.#d.machine.doubt(name);
      if (rules !== undefined) void this.#compare(name, rules);
    }
  }

  #takeBlocks(push: XmlElement): void {
    this.#d.standardChanged();
    const change = decodeBlockingPush(push);
    if (change === undefined || change.kind === "block") return;
    const freed = change.kind === "unblock-all" ? undefined : new Set(change.jids.map(toBare));
    // Who blocks a domain blocks everybody there.
    const isMeant = (jid: BareJid): boolean => freed === undefined || freed.has(jid) || freed.has(domainOf(jid));
    this.perform(this.#d.contacts().filter(isMeant).flatMap((jid) => this.#d.machine.unblocked(jid)));
  }

  /** Another client of ours may have written over a list that was in force, or comes into force. */
  async #compare(name: string, rules: readonly PrivacyRule[]): Promise<void> {
    const turn = this.#turn;
    let isOurs = false;
    try {
      isOurs = holds(await (this.#service as PrivacyListsService).get(name, this.#open().signal), rules);
    } catch (error) {
      if (error instanceof TransportError && error.code === "ERR_STREAM_CLOSED") return; // the machine knows when the session goes on
      this.#d.moved(error);
    }
    if (turn !== this.#turn) return;
    const next = this.#d.machine.compared(name, isOurs);
    if (next === undefined) return;
    this.#turn++; // answers to what was under way count no more
    this.perform(next);
  }

  get #writing(): string | undefined {
    const { waiting } = this.#d.machine;
    return waiting?.kind === "put" ? waiting.name : undefined;
  }

  #resourcesOf(jid: BareJid): Set<string> {
    const known = this.#resources.get(jid);
    if (known !== undefined) return known;
    const made = new Set<string>();
    if (this.#resources.size < contactsMax) this.#resources.set(jid, made);
    return made;
  }

  #open(): Connection {
    if (this.#connection?.stream.isOpen !== true) throw new TransportError("ERR_STREAM_CLOSED", "the stream is closed", { retryable: true });
    return this.#connection;
  }
}

/** Resources of one address, and addresses, whose coming is followed (threats V06, H06). */
const resourcesMax = 20;
const contactsMax = 10_000;

const unreliable = (): TransportError => new TransportError("ERR_PRIVACY_LISTS_UNSUPPORTED", "the server did not do what it was asked to with a privacy list");

const holds = (held: PrivacyListContent | undefined, rules: readonly PrivacyRule[]): boolean =>
  held !== undefined && held.dropped === 0 && canonical(held.rules) === canonical(rules);

const canonical = (rules: readonly PrivacyRule[]): string =>
  JSON.stringify(rules.map(({ action, match, kinds }) => [action, match.kind, Object.values(match).at(-1), stanzaKinds.filter((kind) => kinds?.includes(kind))]));
