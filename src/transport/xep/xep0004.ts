/** XEP-0004 Data Forms, v2.13: fields as a map, as far as node configuration and capabilities need them. @module */
import { findChild, findChildren, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { dataFormNamespace } from "./namespaces.js";

/** Fields by name, each with its values in order. A map: the names come from outside (threats H04). */
export type FormFields = ReadonlyMap<string, readonly string[]>;

/** A form to send, `FORM_TYPE` (XEP-0068) first. */
export function encodeForm(formType: string, fields: Readonly<Record<string, string>>): XmlElement {
  const field = (name: string, value: string, type?: string): XmlElement =>
    xml(dataFormNamespace, "field", { var: name, type }, xml(dataFormNamespace, "value", {}, value));
  return xml(dataFormNamespace, "x", { type: "submit" },
    field("FORM_TYPE", formType, "hidden"),
    ...Object.entries(fields).map(([name, value]) => field(name, value)),
  );
}

/** The fields of a form; `undefined` if the element is none. The first field of a name counts. */
export function decodeForm(element: XmlElement | undefined): FormFields | undefined {
  if (!isElement(element, dataFormNamespace, "x")) return undefined;
  const fields = new Map<string, readonly string[]>();
  for (const field of findChildren(element, dataFormNamespace, "field")) {
    const name = field.attrs["var"];
    if (name === undefined || fields.has(name)) continue;
    fields.set(name, findChildren(field, dataFormNamespace, "value").map(textOf));
  }
  return fields;
}

/** The form inside `parent`, if there is one. */
export function findForm(parent: XmlElement): FormFields | undefined {
  return decodeForm(findChild(parent, dataFormNamespace, "x"));
}
