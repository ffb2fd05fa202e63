/** XEP-0334 Message Processing Hints, v0.4.0. @module */
import { xml, type XmlElement } from "../../base/xml.js";
import { hintsNamespace } from "./namespaces.js";

/** What a server should do with a message. */
export type Hint = "store" | "no-store" | "no-permanent-store" | "no-copy";

/** Writes a hint. */
export function encodeHint(hint: Hint): XmlElement {
  return xml(hintsNamespace, hint);
}
