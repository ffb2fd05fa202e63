/** XEP-0012 Last Activity, v2.0: the answer of a client. */
import { xml, type XmlElement } from "../../base/xml.js";
import { lastActivityNamespace } from "./namespaces.js";

/** @param seconds since the user last did something */
export const encodeLastActivity = (seconds: number): XmlElement =>
  xml(lastActivityNamespace, "query", { seconds: String(Math.max(0, Math.floor(seconds))) });
