/**
 * XEP-0420 Stanza Content Encryption, v0.5.0: the envelope inside the encryption, as bytes.
 * Spec: #definition, with the OMEMO profile of XEP-0384 #sce. The plaintext is a document of its own, so every namespace is
 * written out. Reading goes through the stream's parser: its rules and limits hold inside the encryption too (threats E07).
 * Not here: padding lengths, and whether from, to, time and content are right (session/sce.ts).
 * @module
 */
import { utf8, utf8Decode, type Bytes } from "../../base/bytes.js";
import { childElements, findChild, findChildren, isElement, serializeXml, textOf, xml, type XmlElement } from "../../base/xml.js";
import type { EnvelopeCodec, SceEnvelope } from "../../session/ports.js";
import { parseXmlDocument } from "../xml/document.js";
import { sceNamespace } from "./namespaces.js";

const part = (name: string, attribute: string, value: string | undefined): XmlElement | undefined =>
  value === undefined ? undefined : xml(sceNamespace, name, { [attribute]: value });

function encode(envelope: SceEnvelope): Bytes {
  return utf8(serializeXml(xml(sceNamespace, "envelope", {},
    xml(sceNamespace, "content", {}, ...envelope.content),
    envelope.rpad === undefined ? undefined : xml(sceNamespace, "rpad", {}, envelope.rpad),
    part("from", "jid", envelope.from),
    part("to", "jid", envelope.to),
    part("time", "stamp", envelope.time),
  )));
}

function decode(bytes: Uint8Array): SceEnvelope | undefined {
  const text = utf8Decode(bytes);
  const root = text === undefined ? undefined : parseXmlDocument(text);
  if (!isElement(root, sceNamespace, "envelope")) return undefined;
  const contents = findChildren(root, sceNamespace, "content");
  const from = readOnce(root, "from", "jid");
  const to = readOnce(root, "to", "jid");
  const time = readOnce(root, "time", "stamp");
  if (contents.length !== 1 || from === null || to === null || time === null) return undefined;
  const rpad = findChild(root, sceNamespace, "rpad");
  return {
    content: childElements(contents[0] as XmlElement),
    ...(rpad === undefined ? {} : { rpad: textOf(rpad) }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(time === undefined ? {} : { time }),
  };
}

// undefined: absent; null: without its attribute, or there twice, so that two readers could see different values.
function readOnce(root: XmlElement, name: string, attribute: string): string | undefined | null {
  const elements = findChildren(root, sceNamespace, name);
  if (elements.length === 0) return undefined;
  return elements.length === 1 ? (elements[0]?.attrs[attribute] ?? null) : null;
}

/** The codec that session/ gets injected. */
export const sceEnvelopeCodec: EnvelopeCodec = { encode, decode };
