/** The XML in a stored entry, read back: apart from entry.ts because the parser comes with the first stream. @module */
import { childElements, type XmlElement } from "../../base/xml.js";
import { parseXmlDocument } from "../../transport/xml/document.js";
import { invalidRecord } from "../json-record.js";
import type { OutboxEntry } from "./entry.js";

/** What `contentText` was made of. @throws ClientError `ERR_RECORD_INVALID` */
export const contentElements = (entry: OutboxEntry): readonly XmlElement[] => childElements(parsed(entry.content));

/** The stanza of a sealed entry, as it was written the first time. @throws ClientError `ERR_RECORD_INVALID` */
export const sealedStanza = (entry: OutboxEntry): XmlElement => parsed(entry.sealed);

function parsed(text: string | undefined): XmlElement {
  const element = parseXmlDocument(text ?? "");
  if (element === undefined) throw invalidRecord();
  return element;
}
