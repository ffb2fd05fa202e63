/** XEP-0319 Last User Interaction in Presence, v1.0.2. Not here: noticing that nobody is there, which is the application's. @module */
import { findChild, xml, type XmlElement } from "../../base/xml.js";
import { idleNamespace } from "./namespaces.js";
import { formatDateTime, parseDateTime } from "./xep0203.js";

/** `<idle/>` for a presence: since when, in milliseconds since the epoch. */
export function encodeIdle(since: number): XmlElement {
  return xml(idleNamespace, "idle", { since: formatDateTime(since) });
}

/** Since when the sender has been idle, in milliseconds since the epoch; `undefined` if the presence does not say. */
export function decodeIdle(presence: XmlElement): number | undefined {
  return parseDateTime(findChild(presence, idleNamespace, "idle")?.attrs["since"] ?? "");
}
