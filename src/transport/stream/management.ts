/**
 * The elements of stream management and what they may hold.
 * Spec: XEP-0198 sections 2, 3, 5 and 6. Threats Q05, Q11.
 * Not here: when they are sent (establish.ts, managed-stream.ts).
 * @module
 */
import type { FullJid } from "../../base/jid.js";
import { findChild, isElement, xml, type XmlElement } from "../../base/xml.js";
import type { FormerSession } from "../connection/stream.js";
import { TransportError } from "../errors.js";
import { readCount, unwrapCount, wentBack, wireCount } from "./counters.js";
import type { OutboundQueue } from "./outbound-queue.js";
import { StreamSession } from "./stream-session.js";

/** Namespace of XEP-0198. */
export const managementNamespace = "urn:xmpp:sm:3";

// XEP-0198 section 5 says 4,000 bytes.
const idLengthMax = 4_000;

/** What the application wishes of stream management. */
export interface ManagementWish {
  /** Default true. */
  readonly enable?: boolean;
  /** Seconds for which the server is asked to keep a session without a connection. */
  readonly maxSeconds?: number;
}

/** True if `features` offer stream management. */
export function offersManagement(features: XmlElement): boolean {
  return findChild(features, managementNamespace, "sm") !== undefined;
}

/** `<enable/>`, asking for a session that can be resumed. */
export function enableElement(wish: ManagementWish | undefined): XmlElement {
  return xml(managementNamespace, "enable", { resume: "true", max: wish?.maxSeconds });
}

/** `<resume/>`: the one place where the secret of a session leaves. */
export function resumeElement(session: StreamSession): XmlElement {
  return xml(managementNamespace, "resume", { h: wireCount(session.begin()), previd: session.state.id });
}

/** `<a/>`. */
export function answerElement(h: number): XmlElement {
  return xml(managementNamespace, "a", { h: wireCount(h) });
}

/** The session that `<enabled/>` begins; `undefined` if it cannot be resumed (threats Q11). */
export function enabledSession(enabled: XmlElement, jid: FullJid): StreamSession | undefined {
  const { id, location, max, resume } = enabled.attrs;
  if ((resume !== "true" && resume !== "1") || id === undefined || id === "" || id.length > idLengthMax) return undefined;
  return new StreamSession({
    id, jid, inbound: 0,
    ...(max !== undefined && /^[1-9][0-9]{0,9}$/.test(max) ? { maxSeconds: Number(max) } : {}),
    ...(location === undefined || location.length > 300 ? {} : { location }),
  }, false);
}

/** What `<failed/>` tells about the session that was asked for. An impossible `h` is none. */
export function formerSession(failed: XmlElement | undefined, session: StreamSession | undefined): FormerSession {
  const wire = readCount(failed?.attrs["h"]);
  if (wire === undefined || session === undefined) return {};
  const handled = unwrapCount(wire, session.acknowledged);
  return possible(handled, session.queue, session.restored) ? { handled } : {};
}

/**
 * What the server says it has, checked against what was sent.
 * @throws TransportError `ERR_STREAM_PROTOCOL`: the count is no number, too high, or has gone back (threats Q05). The queue is untouched.
 */
export function handledCount(element: XmlElement, queue: OutboundQueue, restored = false): number {
  const wire = readCount(element.attrs["h"]);
  if (wire === undefined) throw nonsense({ reason: "no-count" });
  const handled = unwrapCount(wire, queue.acknowledged);
  if (possible(handled, queue, restored)) return handled;
  throw nonsense(wentBack(handled, queue.acknowledged) ? { reason: "count-went-back" } : { reason: "handled-count-too-high", h: wire, sent: wireCount(queue.outbound) });
}

// After a restart of the process nobody knows how much was sent; half of the range is still ahead.
function possible(handled: number, queue: OutboundQueue, restored: boolean): boolean {
  return restored ? !wentBack(handled, queue.acknowledged) : handled <= queue.outbound;
}

// Retryable: the session is given up, and a new one starts with fresh counts.
function nonsense(details: Readonly<Record<string, string | number>>): TransportError {
  return new TransportError("ERR_STREAM_PROTOCOL", "the server's count of stanzas is impossible", { retryable: true, details: { condition: "undefined-condition", ...details } });
}

/** True for an element of stream management with this name. */
export function isManagement(element: XmlElement, name: string): boolean {
  return isElement(element, managementNamespace, name);
}
