/** XEP-0380 Explicit Message Encryption, v0.4.0: tells clients without OMEMO what they received. @module */
import { xml, type XmlElement } from "../../base/xml.js";
import { encryptionNamespace } from "./namespaces.js";

/** Writes the mark. */
export function encodeEncryptionMark(namespace: string, name: string): XmlElement {
  return xml(encryptionNamespace, "encryption", { namespace, name });
}
