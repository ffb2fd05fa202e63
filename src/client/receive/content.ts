/** What a message holds that we understand: an allow-list, the same inside the encryption and outside (threats E05). @module */
import { findChild, textOf, type XmlElement } from "../../base/xml.js";
import { clientNamespace } from "../../transport/xep/namespaces.js";
import { isReceiptRequest, readReceipt } from "../../transport/xep/xep0184.js";
import { isMarkable, readDisplayed } from "../../transport/xep/xep0333.js";

/** Receipts that are looked at in one message. */
const receiptsMax = 200;

/** The parts of a message. */
export interface Content {
  /** The body, if there is one that says something: an empty one is no message, as we send none either. */
  readonly text?: string;
  /** The sender wants to know that it has come. */
  readonly asksReceipt: boolean;
  /** The sender wants to know when it is displayed. */
  readonly markable: boolean;
  /** Ids of our messages that have come. */
  readonly received: readonly string[];
  /** Ids of our messages up to which all were displayed. */
  readonly displayed: readonly string[];
}

/** Reads the children of a message or of an envelope's content. */
export function readContent(elements: readonly XmlElement[]): Content {
  const body = findChild({ name: "", ns: "", attrs: {}, children: elements }, clientNamespace, "body");
  const text = body === undefined ? "" : textOf(body);
  const all = (read: (element: XmlElement) => string | undefined): string[] => elements.flatMap((element) => read(element) ?? []).slice(0, receiptsMax);
  return {
    asksReceipt: elements.some(isReceiptRequest),
    markable: elements.some(isMarkable),
    received: all(readReceipt),
    displayed: all(readDisplayed),
    ...(text === "" ? {} : { text }),
  };
}
