/** XEP-0333 Displayed Markers, v1.0.0. Not here: whom to believe (threats F14), whom to tell. @module */
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import { parseId } from "./fields.js";
import { markersNamespace } from "./namespaces.js";

/** Asks to be told when the message was displayed; for messages with an id. */
export function markable(): XmlElement {
  return xml(markersNamespace, "markable");
}

/** True if the element asks for a marker. */
export function isMarkable(element: XmlElement): boolean {
  return isElement(element, markersNamespace, "markable");
}

/** Says that the message with `id`, and all before it, were displayed. */
export function encodeDisplayed(id: string): XmlElement {
  return xml(markersNamespace, "displayed", { id });
}

/** The id of the message that was displayed, if the element is a marker. */
export function readDisplayed(element: XmlElement): string | undefined {
  return isElement(element, markersNamespace, "displayed") ? parseId(element.attrs["id"]) : undefined;
}
