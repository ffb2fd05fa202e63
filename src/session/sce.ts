/**
 * SCE envelopes: what we put around content, and what we check of it.
 * Spec: XEP-0420 v0.5, OMEMO profile of XEP-0384 v0.9; docs/protocol.md 3.2; threats E01, E02, E03, E04.
 * All affixes are always written. On receipt `from` and `to` are checked if present; in rooms `to` is required.
 * Not here: XML (transport/xep/xep0420.ts), the allow-list of content elements (client/, threats E05).
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import { parseBareJid, type BareJid } from "../base/jid.js";
import { messageTimeToleranceMs } from "../base/limits.js";
import { randomInteger } from "../base/rng.js";
import type { XmlElement } from "../base/xml.js";
import type { SessionContext } from "./context.js";
import type { EnvelopeCodec } from "./ports.js";

const paddingMax = 200; // XEP-0420 #definition: 0 to 200 random characters
const paddingAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; // 64: no bias

/** Wraps `content` for `to`: the bare address of the recipient or of the room. */
export function writeEnvelope(context: SessionContext, codec: EnvelopeCodec, content: readonly XmlElement[], to: BareJid): Bytes {
  const length = randomInteger(context.rng, 0, paddingMax);
  let rpad = "";
  for (const byte of context.rng(length)) rpad += paddingAlphabet[byte % 64] as string;
  return codec.encode({ content, rpad, from: context.account, to, time: new Date(context.clock.now()).toISOString() });
}

/** What surrounds an envelope. */
export interface EnvelopeContext {
  /** Bare real address of the sender. */
  readonly sender: BareJid;
  /** Whom the envelope may name: the own account, the addressee of a carbon, or the room. */
  readonly expectedTo: BareJid;
  /** True in rooms: an envelope without `to` could be replayed from elsewhere. */
  readonly toRequired: boolean;
  /** Milliseconds since 1970 at which the stanza was sent, as far as the server tells. */
  readonly stanzaTime: number;
}

/** The outcome of {@link readEnvelope}. */
export type EnvelopeOutcome =
  | {
      readonly kind: "content"; readonly content: readonly XmlElement[]; readonly sentAt?: number; readonly timeSuspicious: boolean;
      /** False if the envelope does not say who wrote it: then nothing but the server does (threats R26). */
      readonly attributed: boolean;
    }
  | { readonly kind: "refused"; readonly code: "ERR_ENVELOPE_INVALID" | "ERR_ENVELOPE_FROM" | "ERR_ENVELOPE_TO" };

/** Opens and checks the plaintext of a message. */
export function readEnvelope(codec: EnvelopeCodec, plaintext: Uint8Array, around: EnvelopeContext): EnvelopeOutcome {
  const envelope = codec.decode(plaintext);
  if (envelope === undefined) return { kind: "refused", code: "ERR_ENVELOPE_INVALID" };
  if (envelope.from !== undefined && parseBareJid(envelope.from) !== around.sender) return { kind: "refused", code: "ERR_ENVELOPE_FROM" };
  const to = envelope.to === undefined ? undefined : parseBareJid(envelope.to);
  if (envelope.to === undefined ? around.toRequired : to !== around.expectedTo) return { kind: "refused", code: "ERR_ENVELOPE_TO" };
  const content = envelope.content.filter(({ ns }) => !outsideNamespaces.has(ns));
  const attributed = envelope.from !== undefined;
  if (envelope.time === undefined) return { kind: "content", content, timeSuspicious: false, attributed };
  const sentAt = parseDateTime(envelope.time);
  if (sentAt === undefined) return { kind: "refused", code: "ERR_ENVELOPE_INVALID" };
  return { kind: "content", content, sentAt, attributed, timeSuspicious: Math.abs(sentAt - around.stanzaTime) > messageTimeToleranceMs };
}

// What servers act on has no meaning inside, and unqualified elements inherit the envelope's own namespace (XEP-0420 #rules).
const outsideNamespaces: ReadonlySet<string> = new Set([
  "urn:xmpp:hints", "urn:xmpp:sid:0", "http://jabber.org/protocol/address", "urn:xmpp:eme:0", "urn:xmpp:sce:1", "",
]);

const dateTime = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$/;

/** XEP-0082 DateTime in milliseconds; without a zone it is UTC (older examples lack the Z). `undefined` if it is none. */
function parseDateTime(text: string): number | undefined {
  const match = dateTime.exec(text);
  if (match === null) return undefined;
  const time = Date.parse(match[8] === undefined ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}
