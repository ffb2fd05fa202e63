/**
 * The contact policy at work: the rules of the account and the strangers' box. Loaded once an account has rules or something in its box;
 * before that gate.ts goes without.
 * Threats V03, V04. Not here: how a rule is read (rules.ts), rows of the box (box.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { ObservableValue } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import { utf8 } from "../../base/bytes.js";
import type { Ledger } from "../../session/ledger.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { isDamaged, unlessDamaged } from "../damaged.js";
import type { ClientEvent } from "../events.js";
import { decodeJson, encodeJson, invalidRecord } from "../json-record.js";
import type { MessageLog } from "../log/message-log.js";
import type { LogDraft, LogRecord } from "../log/message-record.js";
import type { Message } from "../message.js";
import { Box } from "./box.js";
import { policyKey } from "./rows.js";
import { prepareRules, type Person, type PreparedRules, reachOf } from "./rules.js";
import type { ContactRules, ReachReport, Stranger, StrangerMessage } from "./types.js";

/** Rules that cannot be read: nothing is lost, nothing makes noise for strangers, and nobody is told anything. */
const closed: ContactRules = {
  contacts: { typing: false, receipts: false }, strangers: { message: "separate", call: "ignore", file: "ignore" },
};

export interface EngineDeps {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly log: MessageLog;
  readonly clock: Clock;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
}

/** Rules and box of one account. */
export class Engine {
  readonly box: Box;
  /** The rules that are durable. */
  readonly rules: ObservableValue<ContactRules | undefined>;
  /** Who is in the box, the one who wrote last first. */
  readonly strangers: ObservableValue<readonly Stranger[]>;
  readonly #d: EngineDeps;
  #rules: PreparedRules | undefined;

  private constructor(deps: EngineDeps, box: Box, rules: PreparedRules | undefined) {
    this.#d = deps;
    this.box = box;
    this.#rules = rules;
    this.rules = new ObservableValue(rules?.source, deps.onError);
    this.strangers = new ObservableValue(summary(box), deps.onError);
  }

  /** Rules that cannot be read are told to `onError`, and closed ones hold until others are set; rows of the box as {@link Box.load}. @throws StorageError */
  static async load(deps: EngineDeps): Promise<Engine> {
    const row = await unlessDamaged(() => deps.store.get(policyKey), deps.onError);
    const box = await Box.load(deps.store, undefined, deps.onError);
    return new Engine(deps, box, row === undefined ? undefined : readRules(row, deps.onError));
  }

  /** @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_JID`; StorageError */
  async set(rules: unknown): Promise<void> {
    const prepared = rules === undefined ? undefined : prepareRules(rules);
    await this.#d.ledger.run((tx) => {
      if (prepared === undefined) tx.delete(policyKey);
      else tx.put(policyKey, encodeJson({ rules: prepared.source }));
      const former = this.#rules;
      this.#rules = prepared; // for the works of the same commit
      tx.onUndone(() => { this.#rules = former; });
      tx.afterCommit(() => { this.rules.set(prepared?.source); });
    });
  }

  /** What the rules say now. */
  reach(person: Person): ReachReport {
    return reachOf(this.#rules, person, this.#d.clock.now());
  }

  /** Puts a stranger's message aside, in the commit that holds its session. */
  putAside(tx: Transaction, draft: LogDraft): void {
    const { record, dropped } = this.box.put(tx, draft);
    tx.afterCommit(() => {
      for (const { jid } of dropped) this.#d.emit({ kind: "stranger-message-dropped", jid });
      this.#d.emit({ kind: "stranger-message", message: strangerMessage(record) });
    });
    this.#changed(tx);
  }

  /** What `jid` has in the box goes into the conversation, at its end: readers of messages get it now. The user has met it, so it is quiet. */
  async release(tx: Transaction, jid: BareJid): Promise<readonly Message[]> {
    if (!this.box.has(jid)) return [];
    const records = await this.box.read(tx, jid);
    this.box.clear(tx, jid);
    const messages = records.map(({ message, extras }) => // its place in the box gives way to one in the log
      this.#d.log.append(tx, { ...message, ...extras, attention: "quiet", stranger: true }));
    tx.afterCommit(() => {
      for (const message of messages) if (message.unreadable === undefined) this.#d.emit({ kind: "message", message });
    });
    this.#changed(tx);
    return messages;
  }

  async isAccepted(tx: Transaction, jid: BareJid): Promise<boolean> {
    return (await tx.get(this.#d.log.keys.accepted(jid))) !== undefined;
  }

  /** From now on `jid` writes into the conversation. */
  accept(jid: BareJid): Promise<readonly Message[]> {
    return this.#d.ledger.run((tx) => {
      tx.put(this.#d.log.keys.accepted(jid), utf8("1"));
      return this.release(tx, jid);
    });
  }

  /** Deletes what `jid`, or everybody, has in the box. */
  discard(jid: BareJid | undefined): Promise<number> {
    return this.#d.ledger.run((tx) => {
      this.#changed(tx);
      return this.box.clear(tx, jid);
    });
  }

  read(jid: BareJid): Promise<readonly StrangerMessage[]> {
    return this.#d.ledger.read(async (tx) => (await this.box.read(tx, jid)).map(strangerMessage));
  }

  #changed(tx: Transaction): void {
    tx.afterCommit(() => { this.strangers.set(summary(this.box)); });
  }
}

function readRules(row: Uint8Array | "damaged", onError: (error: unknown) => void): PreparedRules {
  try {
    if (row !== "damaged") return prepareRules(decodeJson(row)["rules"]);
  } catch (error) {
    onError(isDamaged(error) ? error : invalidRecord());
  }
  return prepareRules(closed);
}

function strangerMessage({ message }: LogRecord): StrangerMessage {
  const { position, id, from, text, receivedAt, sentAt, archivedAt, security, unreadable } = message;
  return {
    place: position, id, from, text, receivedAt, security,
    ...(sentAt === undefined ? {} : { sentAt }), ...(archivedAt === undefined ? {} : { archivedAt }), ...(unreadable === undefined ? {} : { unreadable }),
  };
}

function summary({ places }: Box): readonly Stranger[] {
  const found = new Map<BareJid, Stranger>();
  for (const { jid, receivedAt } of places) {
    const known = found.get(jid);
    found.delete(jid); // who wrote last stands last
    found.set(jid, { jid, messages: (known?.messages ?? 0) + 1, latest: receivedAt });
  }
  return [...found.values()].reverse();
}
