/** XEP-0184 Message Delivery Receipts, v1.4.0. Not here: whom to believe (threats F14), whom to answer. @module */
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import { parseId } from "./fields.js";
import { receiptsNamespace } from "./namespaces.js";

/** Asks for a receipt; for messages with an id, and never in a receipt (#when-ack). */
export function receiptRequest(): XmlElement {
  return xml(receiptsNamespace, "request");
}

/** True if the element asks for a receipt. */
export function isReceiptRequest(element: XmlElement): boolean {
  return isElement(element, receiptsNamespace, "request");
}

/** Says that the message with `id` has arrived. */
export function encodeReceipt(id: string): XmlElement {
  return xml(receiptsNamespace, "received", { id });
}

/** The id of the message that has arrived, if the element is a receipt. */
export function readReceipt(element: XmlElement): string | undefined {
  return isElement(element, receiptsNamespace, "received") ? parseId(element.attrs["id"]) : undefined;
}
