/**
 * One letter, inside a transaction: recognise what is known already, decrypt, write it into the log, note what it asks of us.
 * Whatever a sender does is data; only our own store can fail here.
 * Spec: docs/architecture.md, The way of a message; threats F10, F11, F14, Q16, R06, R21, V03, V04.
 * Not here: transactions and their order (receiver.ts), unwrapping (letter.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import type { BareJid } from "../../base/jid.js";
import { childElements } from "../../base/xml.js";
import type { EncryptedMessage } from "../../session/encrypted-message.js";
import type { Omemo } from "../../session/omemo.js";
import type { FollowUp, OpenOutcome } from "../../session/outcome.js";
import type { Transaction } from "../../session/transaction.js";
import { isSpoilt } from "../../transport/xml/spoilt.js";
import type { Admission, Gate } from "../contact-policy/gate.js";
import type { ClientEvent } from "../events.js";
import type { MessageLog } from "../log/message-log.js";
import type { LogDraft } from "../log/message-record.js";
import type { Message, MessageSecurity } from "../message.js";
import type { ArchivedFate } from "../outbox/rows.js";
import type { Sender } from "../outbox/sender.js";
import { type Content, readContent } from "./content.js";
import { takeEvidence } from "./evidence.js";
import type { Letter } from "./letter.js";

export interface IntakeDeps {
  readonly account: BareJid;
  readonly omemo: Omemo;
  readonly log: MessageLog;
  readonly clock: Clock;
  readonly sent: Pick<Sender, "archived" | "refused">;
  readonly emit: (event: ClientEvent) => void;
  /** What becomes of a message, and who may learn anything by itself (threats V03, V04). */
  readonly gate: Pick<Gate, "admit" | "isHidden" | "putAside" | "release" | "mayNotify">;
}

/** How a letter came. */
export interface Route {
  /** History from before this device: it is put before everything else, and nothing follows from it. */
  readonly older: boolean;
  /** Whether an own message that this device does not know shows that the store has gone back in time. */
  readonly witness: boolean;
}

/** A route, and what becomes of what comes on it. */
interface Admitted extends Route {
  readonly admission: Admission;
}

/** A receipt that is due. */
export interface ReceiptDue {
  readonly to: BareJid;
  readonly id: string;
  readonly encrypted: boolean;
}

/** What letters ask of us; filled in while they are taken in. */
export class Consequences {
  readonly followUps: FollowUp[] = [];
  readonly receipts: ReceiptDue[] = [];
  /** This device sent something that its store does not know (threats R21). */
  rolledBack = false;
}

/** Takes in letters. */
export class Intake {
  readonly #d: IntakeDeps;

  constructor(deps: IntakeDeps) {
    this.#d = deps;
  }

  /** Adds to `due` only what stands and falls with the changes in `tx`. */
  async take(tx: Transaction, letter: Letter, route: Route, due: Consequences): Promise<void> {
    const { type, claimsEncryption, encrypted } = letter.message;
    if (type === "groupchat" || type === "error") return; // rooms have rules of their own; none are joined here
    const { stanzaId } = letter;
    if (stanzaId !== undefined && await this.#d.log.hasStanzaId(tx, stanzaId)) return;
    const fate = await this.#fateOf(tx, letter);
    due.rolledBack ||= fate === "lost" && route.witness;
    if (fate !== "unknown") return;
    const admission = await this.#admit(tx, letter, route);
    const admitted: Admitted = { ...route, admission };
    const [message] = encrypted;
    if (admission.kind !== "refused") {
      // Nobody knows what it said. A headline is no message that somebody waits for, but an event of a node.
      if (isSpoilt(letter.stanza)) { if (type !== "headline") await this.#unreadable(tx, letter, "ERR_STANZA_INVALID", admitted); }
      else if (message !== undefined) await this.#takeEncrypted(tx, letter, message, admitted, due);
      else if (claimsEncryption) await this.#unreadable(tx, letter, "ERR_STANZA_INVALID", admitted);
      else await this.#takePlain(tx, letter, admitted, due);
    }
    // A receipt that came live comes again with its page of the archive: by then its session may have forgotten the chain (threats Q16).
    if (stanzaId !== undefined && !route.older && !(await this.#d.log.hasStanzaId(tx, stanzaId))) this.#d.log.noteTaken(tx, stanzaId, this.#d.clock.now());
  }

  /** A letter that made our own code or a record of the store fail: it keeps its place, so that nobody fetches it for ever (threats R06). */
  async refuse(tx: Transaction, letter: Letter, code: string, route: Route): Promise<void> {
    await this.#unreadable(tx, letter, code, { ...route, admission: await this.#admit(tx, letter, route) });
  }

  /** What we wrote ourselves is shown, and so is history that the user pages back to. */
  #admit(tx: Transaction, { sender }: Letter, route: Route): Promise<Admission> | Admission {
    return route.older || sender === this.#d.account ? { kind: "shown" } : this.#d.gate.admit(tx, sender);
  }

  async #takeEncrypted(tx: Transaction, letter: Letter, message: EncryptedMessage, route: Admitted, due: Consequences): Promise<void> {
    const { account, omemo } = this.#d;
    const outcome = await omemo.open(tx, {
      sender: letter.sender, message,
      context: {
        kind: "chat", to: letter.sender === account ? letter.conversation : account,
        ...(letter.storedAt === undefined ? {} : { stanzaTime: letter.storedAt }),
      },
    });
    if ("followUps" in outcome && !route.older) {
      const silent = route.admission.kind === "ignored" || this.#d.gate.isHidden(letter.sender);
      due.followUps.push(...(silent ? outcome.followUps.flatMap(unseen) : outcome.followUps));
    }
    // Written by this device, and not known to it: what it knew is lost (threats R21).
    if (outcome.kind === "own-echo") due.rolledBack ||= route.witness;
    else if (outcome.kind === "content") await this.#takeContent(tx, letter, outcome, route, due);
    // Without a payload there was nothing to read: an empty message of somebody else's session.
    else if (message.payload === undefined) return;
    else if (outcome.kind === "failed") await this.#unreadable(tx, letter, outcome.code, route);
    else if (outcome.kind === "not-for-this-device") await this.#unreadable(tx, letter, outcome.kind, route);
  }

  async #takeContent(tx: Transaction, letter: Letter, outcome: OpenOutcome & { readonly kind: "content" }, route: Admitted, due: Consequences): Promise<void> {
    const content = readContent(outcome.content);
    const security: MessageSecurity = {
      level: outcome.trust, deviceId: outcome.device.deviceId, fingerprint: outcome.fingerprint, timeSuspicious: outcome.timeSuspicious,
    };
    await this.#append(tx, letter, content, security, route, outcome.sentAt);
    // A distrusted device may show what it wrote, marked as such; it proves nothing about what we wrote.
    if (outcome.trust === "distrusted") return;
    await this.#answer(tx, letter, content, { encrypted: true, trusted: outcome.trust !== "undecided" }, route, due);
  }

  async #takePlain(tx: Transaction, letter: Letter, route: Admitted, due: Consequences): Promise<void> {
    const content = readContent(childElements(letter.stanza));
    await this.#append(tx, letter, content, { level: "none" }, route);
    await this.#answer(tx, letter, content, { encrypted: false, trusted: false }, route, due);
  }

  /** A message of this device came back: from the archive, or because it was written to ourselves. */
  async #fateOf(tx: Transaction, { sender, stanzaId, message: { originId, id } }: Letter): Promise<ArchivedFate> {
    const name = originId ?? id;
    return sender !== this.#d.account || stanzaId === undefined || name === undefined ? "unknown" : this.#d.sent.archived(tx, name, stanzaId);
  }

  async #append(tx: Transaction, letter: Letter, content: Content, security: MessageSecurity, route: Admitted, sentAt?: number): Promise<void> {
    if (content.text === undefined) return;
    const message = await this.#write(tx, letter, route, {
      text: content.text, security,
      ...(sentAt === undefined ? {} : { sentAt }),
      ...(content.markable ? { markable: true } : {}),
    });
    if (message !== undefined && !route.older) tx.afterCommit(() => { this.#d.emit({ kind: "message", message }); });
  }

  async #unreadable(tx: Transaction, letter: Letter, reason: string, route: Admitted): Promise<void> {
    const message = await this.#write(tx, letter, route, { text: "", security: { level: "unknown" }, unreadable: reason });
    if (message !== undefined && !route.older) tx.afterCommit(() => { this.#d.emit({ kind: "unreadable", from: message.from, id: message.id, reason }); });
  }

  /** `undefined` if it is in no conversation. */
  async #write(
    tx: Transaction, letter: Letter, route: Admitted, parts: Pick<LogDraft, "text" | "security" | "sentAt" | "markable" | "unreadable">,
  ): Promise<Message | undefined> {
    const { account, log, clock, gate } = this.#d;
    const { message, sender, conversation, stanzaId, storedAt } = letter;
    const { kind, ...marks } = route.admission;
    const draft: LogDraft = {
      id: message.id ?? "", conversation, from: sender, direction: sender === account ? "sent" : "received",
      receivedAt: clock.now(), ...marks, ...parts,
      ...(storedAt === undefined ? {} : { archivedAt: storedAt }),
      ...(stanzaId === undefined ? {} : { stanzaId }),
      ...(message.originId === undefined || message.originId === message.id ? {} : { originId: message.originId }),
    };
    if (route.older) return log.prepend(tx, draft);
    if (kind === "aside") await gate.putAside(tx, draft);
    if (kind !== "shown") return undefined;
    await gate.release(tx, conversation);
    return log.append(tx, draft);
  }

  /** Receipts and markers of the peer, and the receipt that the peer asks for. */
  async #answer(
    tx: Transaction, letter: Letter, content: Content, how: { readonly encrypted: boolean; readonly trusted: boolean }, route: Admitted, due: Consequences,
  ): Promise<void> {
    const { sender, message } = letter;
    if (route.older || sender === this.#d.account) return;
    await takeEvidence(tx, this.#d.log, content, { from: sender, authenticated: how.encrypted && how.trusted });
    if (!content.asksReceipt || content.text === undefined || message.id === undefined || message.type === "headline") return;
    if (route.admission.kind !== "shown" || !(await this.#d.gate.mayNotify(tx, sender))) return;
    due.receipts.push({ to: sender, id: message.id, encrypted: how.encrypted });
  }
}

/** What may follow a message of somebody who is to see nothing of it. */
const unseen = ({ kind }: FollowUp): readonly FollowUp[] => (kind === "republish-bundle" ? [{ kind, unhurried: true }] : []);
