/**
 * Tells the server whether somebody is looking, so that it can hold back what is not urgent.
 * Spec: XEP-0352. Every stream begins active, a resumed one too - but Prosody resumes it as it was: say it again after each connection.
 * @module
 */
import { findChild, xml } from "../../base/xml.js";
import type { Stream } from "../connection/stream.js";

const csiNamespace = "urn:xmpp:csi:0";

/**
 * Says `active` or `inactive` where the server offers to listen; else does nothing.
 * @throws TransportError `ERR_STREAM_CLOSED`
 */
export async function setClientActive(stream: Stream, active: boolean): Promise<void> {
  if (findChild(stream.features, csiNamespace, "csi") === undefined) return;
  await stream.send(xml(csiNamespace, active ? "active" : "inactive"));
}
