/** XEP-0115 Entity Capabilities, v1.6: the element in presence. Not here: the hash (features/caps-hash.ts), asking what it stands for (features/caps-directory.ts). @module */
import { findChild, type XmlElement } from "../../base/xml.js";
import { capsNamespace } from "./namespaces.js";

/** What a presence claims about the sender's software; nothing of it is proven. */
export interface CapsClaim {
  readonly node: string;
  readonly ver: string;
  /** Name of the hash function, as in `sha-1`. */
  readonly hash: string;
}

const claimLengthMax = 512;

/** The claim in a presence; `undefined` if there is none, or one of the format before the hash (#legacy), which names no list of features. */
export function decodeCaps(presence: XmlElement): CapsClaim | undefined {
  const { node, ver, hash } = findChild(presence, capsNamespace, "c")?.attrs ?? {};
  if (!node || !ver || !hash || node.length + ver.length + hash.length > claimLengthMax) return undefined;
  return { node, ver, hash };
}
