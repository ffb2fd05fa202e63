/**
 * Unwrapping: what a stanza, a carbon or an archived message proves about who wrote to whom, and when.
 * Spec: XEP-0280, XEP-0313, XEP-0359, XEP-0203; threats F03, F04, F06, F10, F19, F26.
 * Not here: which archive results belong to a question of ours (transport/features/archive.ts, threats F05), what is inside (content.ts).
 * @module
 */
import { type BareJid, domainOf, toBare } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import type { ArchivedMessage } from "../../transport/features/archive.js";
import { type MessageStanza, readMessage, senderOf } from "../../transport/xep/message.js";
import type { Delay } from "../../transport/xep/xep0203.js";
import { readCarbon } from "../../transport/xep/xep0280.js";
import { readStanzaId } from "../../transport/xep/xep0359.js";

/** A message and what is proven about it. */
export interface Letter {
  readonly stanza: XmlElement;
  readonly message: MessageStanza;
  /** Who wrote it; no `from` means our own account (threats F26). */
  readonly sender: BareJid;
  /** The other side of the conversation. */
  readonly conversation: BareJid;
  /** Its id in our archive, where it can be believed (threats F10). */
  readonly stanzaId?: string;
  /** When our server stored it, by the server's clock, in milliseconds; never in the future (threats F19). */
  readonly storedAt?: number;
}

/** What unwrapping depends on. */
export interface Surroundings {
  readonly account: BareJid;
  /** Milliseconds since 1970, our clock. */
  readonly now: number;
  /** Whether our server keeps others from writing stanza-ids in its name (threats F10). */
  readonly stanzaIdsTrusted: boolean;
}

/** A stanza as it came over the stream; `undefined` if it is no message, or a wrapper that our server did not make. */
export function openLive(stanza: XmlElement, around: Surroundings): Letter | undefined {
  const { account } = around;
  const carbon = readCarbon(stanza, account);
  if (carbon.kind === "forged") return undefined; // neither the copy nor its wrapper is a message of anybody (threats F03)
  const inner = carbon.kind === "none" ? stanza : carbon.message;
  const letter = address(inner, account);
  if (letter === undefined) return undefined;
  const stanzaId = around.stanzaIdsTrusted ? readStanzaId(inner, account) : undefined;
  const storedAt = trustedDelay(letter.message.delays, account);
  return {
    ...letter,
    ...(stanzaId === undefined ? {} : { stanzaId }),
    ...(storedAt === undefined ? {} : { storedAt: Math.min(storedAt, around.now) }),
  };
}

/** A message out of our archive: the archive tells its id and time, whatever the message says of itself. */
export function openArchived(archived: ArchivedMessage, around: Surroundings): Letter | undefined {
  if (readCarbon(archived.stanza, around.account).kind !== "none") return undefined; // one wrapper at most (threats F04)
  const letter = address(archived.stanza, around.account);
  return letter === undefined ? undefined : { stanzaId: archived.id, storedAt: Math.min(archived.stamp, around.now), ...letter };
}

function address(stanza: XmlElement, account: BareJid): Omit<Letter, "stanzaId" | "storedAt"> | undefined {
  const message = readMessage(stanza);
  if (message === undefined) return undefined;
  const sender = toBare(senderOf(message, account));
  const to = toBare(message.to ?? account);
  if (sender !== account && to !== account) return undefined; // does not concern us (threats F06)
  return { stanza, message, sender, conversation: sender === account ? to : sender };
}

/** Anybody can write a stamp: only one that names our own server counts, and of several the last, which was written last (threats F19). */
function trustedDelay(delays: readonly Delay[], account: BareJid): number | undefined {
  return delays.filter(({ from }) => from === account || from === domainOf(account)).at(-1)?.time;
}
