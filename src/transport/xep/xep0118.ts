/** XEP-0118 User Tune, v1.3.0. @module */
import { isElement, type XmlElement } from "../../base/xml.js";
import { tuneNamespace } from "./namespaces.js";
import { decodeFields, encodeFields, type RecordShape } from "./text-fields.js";

/** What somebody listens to. */
export interface Tune {
  readonly artist?: string | undefined;
  readonly title?: string | undefined;
  /** The album, or where else it comes from. */
  readonly source?: string | undefined;
  readonly track?: string | undefined;
  /** A link; others' are `https:`, `http:`, `geo:` or `xmpp:` only. */
  readonly uri?: string | undefined;
  /** Seconds. */
  readonly length?: number | undefined;
  /** 1 to 10. */
  readonly rating?: number | undefined;
}

const shape: RecordShape = { texts: ["artist", "source", "title", "track", "uri"], numbers: { length: [0, 65_535], rating: [1, 10] } };

/** `<tune/>`; without a tune it says that the music has stopped. */
export function encodeTune(tune: Tune | undefined): XmlElement {
  return encodeFields(tuneNamespace, "tune", { ...tune }, shape);
}

/** Reads `<tune/>`: its tune, `"none"` if the music has stopped, `undefined` if it is no tune. */
export function decodeTune(element: XmlElement | undefined): Tune | "none" | undefined {
  if (!isElement(element, tuneNamespace, "tune")) return undefined;
  const tune = decodeFields(element, shape);
  return Object.keys(tune).length === 0 ? "none" : tune;
}
