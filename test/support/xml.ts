/** Test helpers around elements. @module */
import { invariant } from "../../src/base/errors.js";
import type { XmlElement } from "../../src/base/xml.js";
import { parseXmlDocument } from "../../src/transport/xml/document.js";

/** Parses one element, which the test knows to be well-formed. */
export function element(text: string): XmlElement {
  const parsed = parseXmlDocument(text);
  invariant(parsed !== undefined, "the element of this test is not well-formed");
  return parsed;
}
