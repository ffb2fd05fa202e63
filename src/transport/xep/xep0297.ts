/**
 * XEP-0297 Stanza Forwarding, v1.0: the message inside a wrapper of another protocol.
 * A naked <forwarded/> has no meaning here; nobody looks for one (threats F04). Not here: who may forward what.
 * @module
 */
import { childElements, findChildren, type XmlElement } from "../../base/xml.js";
import { archiveNamespace, carbonsNamespace, clientNamespace, delayNamespace, forwardNamespace } from "./namespaces.js";
import { parseDateTime } from "./xep0203.js";

/** A forwarded message. */
export interface Forwarded {
  readonly message: XmlElement;
  /** When whoever forwards it received it, milliseconds since 1970-01-01 UTC; absent if it does not tell, or not clearly. */
  readonly stamp?: number;
  /** The message is a wrapper itself: nothing in it counts (threats F04). */
  readonly nested: boolean;
}

/** The one message that `wrapper` forwards; `undefined` if there is none, or more than one. */
export function readForwarded(wrapper: XmlElement): Forwarded | undefined {
  const [forwarded, another] = findChildren(wrapper, forwardNamespace, "forwarded");
  if (forwarded === undefined || another !== undefined) return undefined;
  const [message, more] = findChildren(forwarded, clientNamespace, "message");
  if (message === undefined || more !== undefined) return undefined;
  const delays = findChildren(forwarded, delayNamespace, "delay");
  const stamp = delays.length === 1 ? parseDateTime(delays[0]?.attrs["stamp"] ?? "") : undefined;
  return { message, nested: childElements(message).some(isWrapper), ...(stamp === undefined || stamp < 0 ? {} : { stamp }) };
}

// What forwards a message: a copy of XEP-0280, a result of XEP-0313.
function isWrapper(element: XmlElement): boolean {
  return (element.ns === carbonsNamespace && (element.name === "sent" || element.name === "received"))
    || (element.ns === archiveNamespace && element.name === "result");
}
