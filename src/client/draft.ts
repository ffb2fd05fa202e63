/** What applications hand in, and the elements that it becomes. @module */
import { utf8 } from "../base/bytes.js";
import { UsageError } from "../base/errors.js";
import { plaintextBytesMax } from "../base/limits.js";
import { isXmlText, xml, type XmlElement } from "../base/xml.js";
import { clientNamespace } from "../transport/xep/namespaces.js";
import { ClientError } from "./errors.js";

/** What a message holds. */
export interface MessageDraft {
  /** Not empty, at most 128 KiB as UTF-8, without characters that XML cannot carry. */
  readonly text: string;
}

/** @throws UsageError `ERR_INVALID_TEXT`, ClientError `ERR_MESSAGE_TOO_LARGE` (threats P17) */
export function textContent(draft: MessageDraft): readonly XmlElement[] {
  const text: unknown = (draft as MessageDraft | undefined)?.text;
  if (typeof text !== "string" || text === "" || !isXmlText(text)) {
    throw new UsageError("ERR_INVALID_TEXT", "the text is empty or holds characters that cannot be sent");
  }
  const bytes = utf8(text).length;
  if (bytes > plaintextBytesMax) {
    throw new ClientError("ERR_MESSAGE_TOO_LARGE", "the text is too long for one message", { details: { bytes, bytesMax: plaintextBytesMax } });
  }
  return [xml(clientNamespace, "body", {}, text)];
}
