/**
 * Receiving: commit, then deliver. One stanza after the other: authenticate the wrapper, decrypt, commit ratchet state and plaintext
 * together, hand the message out, and only then do what the session asks for.
 * Spec: design section 5. Not here: decryption (session/), the readers (message-feed.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { type BareJid, domainOf, toBare } from "../base/jid.js";
import { type XmlElement, findChild, textOf } from "../base/xml.js";
import type { Ledger } from "../session/ledger.js";
import type { Omemo } from "../session/omemo.js";
import type { FollowUp } from "../session/outcome.js";
import { stanzaError } from "../transport/stream/stanza-error.js";
import { type MessageStanza, readMessage, senderOf } from "../transport/xep/message.js";
import { readCarbon } from "../transport/xep/xep0280.js";
import { asSottoError } from "./errors.js";
import type { ClientEvent } from "./events.js";
import type { Inbox } from "./inbox.js";
import type { IncomingMessage, MessageSecurity } from "./message.js";
import type { Sender } from "./sender.js";

export interface ReceiverDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly inbox: Inbox;
  readonly sender: Sender;
  readonly clock: Clock;
  /** Hands a committed message to the application. */
  readonly deliver: (message: IncomingMessage, seq: number) => void;
  readonly emit: (event: ClientEvent) => void;
  readonly followUp: (followUp: FollowUp) => void;
}

/** What the wrapper of a stanza proves: who wrote to whom. */
interface Letter {
  readonly stanza: XmlElement;
  readonly message: MessageStanza;
  readonly sender: BareJid;
  /** The other side of the conversation. */
  readonly conversation: BareJid;
}

/** Takes in message stanzas, strictly one at a time and in order. */
export class Receiver {
  readonly #d: ReceiverDeps;
  #tail: Promise<void> = Promise.resolve();

  constructor(deps: ReceiverDeps) {
    this.#d = deps;
  }

  /** Queues a stanza; never throws. */
  accept(stanza: XmlElement): void {
    this.#tail = this.#tail
      .then(() => this.#handle(stanza))
      .catch((error: unknown) => { this.#d.emit({ kind: "error", error: asSottoError(error) }); });
  }

  /** Resolves when everything accepted so far is committed and handed out. */
  settled(): Promise<void> {
    return this.#tail;
  }

  async #handle(stanza: XmlElement): Promise<void> {
    const letter = this.#unwrap(stanza);
    if (letter === undefined) return;
    if (letter.message.type === "error") {
      await this.#d.sender.refused(letter.message.id ?? "", letter.sender, stanzaError(letter.stanza).details["condition"] as string);
      return;
    }
    if (letter.message.type === "groupchat") return; // rooms have rules of their own; none are joined here
    if (letter.message.claimsEncryption) await this.#takeEncrypted(letter);
    else await this.#takePlain(letter);
  }

  #unwrap(outer: XmlElement): Letter | undefined {
    const { account } = this.#d;
    const carbon = readCarbon(outer, account);
    if (carbon.kind === "forged") return undefined;
    const stanza = carbon.kind === "none" ? outer : carbon.message;
    const message = readMessage(stanza);
    if (message === undefined) return undefined;
    const sender = toBare(senderOf(message, account));
    if (carbon.kind === "sent") {
      if (sender !== account || message.to === undefined) return undefined;
      return { stanza, message, sender, conversation: toBare(message.to) };
    }
    return { stanza, message, sender, conversation: sender };
  }

  async #takeEncrypted(letter: Letter): Promise<void> {
    const encrypted = letter.message.encrypted[0];
    if (encrypted === undefined) {
      this.#unreadable(letter, "ERR_STANZA_INVALID");
      return;
    }
    const result = await this.#d.ledger.run(async (tx) => {
      const outcome = await this.#d.omemo.open(tx, { sender: letter.sender, message: encrypted, context: this.#context(letter) });
      if (outcome.kind !== "content") return { outcome };
      const security: MessageSecurity = {
        level: outcome.trust, deviceId: outcome.device.deviceId, fingerprint: outcome.fingerprint, timeSuspicious: outcome.timeSuspicious,
      };
      const message = this.#message(letter, bodyOf(outcome.content), security, outcome.sentAt);
      return { outcome, entry: message === undefined ? undefined : this.#d.inbox.put(tx, message) };
    });
    const { outcome, entry } = result;
    if (entry !== undefined) this.#d.deliver(entry.message, entry.seq);
    if (outcome.kind === "failed") this.#unreadable(letter, outcome.code);
    if (outcome.kind === "not-for-this-device") this.#unreadable(letter, "not-for-this-device");
    if ("followUps" in outcome) outcome.followUps.forEach(this.#d.followUp);
  }

  async #takePlain(letter: Letter): Promise<void> {
    const message = this.#message(letter, bodyOf(letter.stanza.children.filter((child) => typeof child === "object")), { level: "none" });
    if (message === undefined) return;
    const entry = await this.#d.ledger.run((tx) => this.#d.inbox.put(tx, message));
    this.#d.deliver(entry.message, entry.seq);
  }

  #message(letter: Letter, text: string | undefined, security: MessageSecurity, sentAt?: number): IncomingMessage | undefined {
    if (text === undefined) return undefined;
    return {
      id: letter.message.id ?? "",
      conversation: letter.conversation,
      from: letter.sender,
      direction: letter.sender === this.#d.account ? "sent" : "received",
      text,
      receivedAt: this.#d.clock.now(),
      ...(sentAt === undefined ? {} : { sentAt }),
      security,
    };
  }

  /** What the envelope is compared with: the wrapper as our own server vouches for it. */
  #context(letter: Letter): Parameters<Omemo["open"]>[1]["context"] {
    const { account } = this.#d;
    // A delay stamp counts only from our own server (threats F19).
    const delay = letter.message.delays.find((each) => each.from === undefined || each.from === account || each.from === domainOf(account));
    return {
      kind: "chat",
      to: letter.sender === account ? letter.conversation : account,
      live: delay === undefined,
      ...(delay === undefined ? {} : { stanzaTime: delay.time }),
    };
  }

  #unreadable(letter: Letter, reason: string): void {
    this.#d.emit({ kind: "unreadable", from: letter.sender, id: letter.message.id ?? "", reason });
  }
}

function bodyOf(elements: readonly XmlElement[]): string | undefined {
  const holder = { name: "", ns: "", attrs: {}, children: elements };
  const body = findChild(holder, "jabber:client", "body");
  return body === undefined ? undefined : textOf(body);
}

