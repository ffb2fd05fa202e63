/**
 * The gate: who somebody is to this account, what becomes of what he sends, and whether he may learn anything by himself. Every automatic
 * way out asks here (threats V03, V04): receipts, markers, empty OMEMO messages, answers to queries.
 * Whoever never sets a contact policy has no rules: messages of strangers are delivered like all others, and say that they are.
 * Not here: the rules and the box (engine.ts, loaded when there is something for them to do).
 * @module
 */
import { type BareJid, domainOf } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../damaged.js";
import { loaded } from "../errors.js";
import type { LogDraft } from "../log/message-record.js";
import type { Attention } from "../message.js";
import { seeOurs } from "../roster/subscription.js";
import type { Engine, EngineDeps } from "./engine.js";
import { policyKey, strangersPrefix } from "./rows.js";
import type { Person } from "./rules.js";
import type { Relation, Standing } from "./types.js";

export interface GateDeps extends EngineDeps {
  readonly account: BareJid;
  /** The roster's item, as the server has confirmed it. */
  readonly contact: (jid: BareJid) => Standing | undefined;
  /** Whether the account blocks `jid`, as far as is known. */
  readonly isBlocked: (jid: BareJid) => boolean;
  /** Whether the user is not to be seen by `jid` at all: by a presence policy, or because he is unavailable to everybody. */
  readonly isHidden: (jid: BareJid) => boolean;
}

/** What becomes of a message. */
export type Admission =
  /** Into the log, flagged. */
  | { readonly kind: "shown"; readonly attention?: Attention; readonly stranger?: true }
  /** Into the strangers' box. */
  | { readonly kind: "aside" }
  /** Opened, so that the session goes on; nothing is shown and nothing answered. */
  | { readonly kind: "ignored" }
  /** Not even opened: a blocked contact changes nothing (threats V04). */
  | { readonly kind: "refused" };

/** Knows who is who. */
export class Gate {
  readonly #d: GateDeps;
  #engine: Engine | undefined;
  #loading: Promise<Engine> | undefined;

  private constructor(deps: GateDeps) {
    this.#d = deps;
    deps.log.onChange(({ kind, message }) => {
      if (kind === "added" && message.direction === "sent") this.met(message.conversation);
    });
  }

  /** @throws StorageError */
  static async load(deps: GateDeps): Promise<Gate> {
    const gate = new Gate(deps);
    const found = await unlessDamaged(async () => (await deps.store.get(policyKey)) ?? (await deps.store.list({ prefix: strangersPrefix, limit: 1 }))[0]);
    if (found !== undefined) await gate.engine(); // which tells what is damaged
    return gate;
  }

  /** Rules and box, loaded. */
  async engine(): Promise<Engine> {
    this.#loading ??= loaded(import("./engine.js")).then(({ Engine: Loaded }) => Loaded.load(this.#d));
    try {
      this.#engine = await this.#loading;
    } catch (error) {
      this.#loading = undefined; // it may be had later
      throw error;
    }
    return this.#engine;
  }

  /** Whether `jid` sees our presence by the user's own will: then automatic answers tell nothing new. */
  seesPresence(jid: BareJid): boolean {
    if (jid === this.#d.account) return true;
    return !this.isBlocked(jid) && !this.isHidden(jid) && seeOurs(this.#d.contact(jid)?.subscription);
  }

  /** Whether nothing automatic may tell `jid` that we are here, whatever was written to him (threats V01, V03). */
  isHidden(jid: BareJid): boolean {
    return jid !== this.#d.account && this.#d.isHidden(jid);
  }

  isBlocked(jid: BareJid): boolean {
    return jid !== this.#d.account && this.#d.isBlocked(jid);
  }

  /** Whether `jid` may be told that his messages have come or were displayed. */
  async mayNotify(tx: Transaction, jid: BareJid): Promise<boolean> {
    if (this.isBlocked(jid) || this.isHidden(jid)) return false;
    if (!this.seesPresence(jid) && !(await this.#d.log.hasWrittenTo(tx, jid))) return false;
    return this.#engine === undefined || this.#engine.reach(await this.person(tx, jid)).receipts;
  }

  async person(tx: Transaction, jid: BareJid): Promise<Person> {
    return { jid, relation: await this.relation(tx, jid), groups: this.#d.contact(jid)?.groups ?? [] };
  }

  async relation(tx: Transaction, jid: BareJid): Promise<Relation> {
    const { account, contact, log } = this.#d;
    if (jid === account) return "own";
    if (this.isBlocked(jid)) return "blocked";
    if (contact(jid) !== undefined) return "contact";
    if (jid === domainOf(account) || (await log.hasWrittenTo(tx, jid))) return "known";
    return (await this.#engine?.isAccepted(tx, jid)) === true ? "known" : "stranger";
  }

  /** What becomes of a message that `jid` has sent to this account. */
  async admit(tx: Transaction, jid: BareJid): Promise<Admission> {
    const person = await this.person(tx, jid);
    if (person.relation === "own") return { kind: "shown" };
    if (person.relation === "blocked") return { kind: "refused" };
    const reach = this.#engine?.reach(person).message ?? "notify";
    if (reach === "ignore") return { kind: "ignored" };
    if (reach === "separate") return { kind: "aside" };
    return { kind: "shown", attention: reach, ...(person.relation === "stranger" ? { stranger: true } : {}) };
  }

  /** For {@link Admission} `aside`. */
  async putAside(tx: Transaction, draft: LogDraft): Promise<void> {
    (this.#engine ?? await this.engine()).putAside(tx, draft);
  }

  /** Before something of the conversation with `jid` goes into the log: what still lies in the box was first. */
  async release(tx: Transaction, jid: BareJid): Promise<void> {
    await this.#engine?.release(tx, jid);
  }

  /** Somebody may be a stranger no more: he was written to, or is in the roster now. Without `jid`: whoever is in the box. */
  met(jid?: BareJid): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    const waiting = [...new Set(engine.box.places.map((each) => each.jid))].filter((each) => jid === undefined || each === jid);
    if (waiting.length === 0) return;
    this.#d.ledger.run(async (tx) => {
      for (const each of waiting) if (!["stranger", "blocked"].includes(await this.relation(tx, each))) await engine.release(tx, each);
    }).catch(this.#d.onError);
  }
}
