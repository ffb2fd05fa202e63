/** What is known of the account's privacy lists at one moment. Spec: XEP-0016 #protocol-retrieve. Not here: how it comes about (privacy-lists.ts). @module */
import type { PrivacyListContent, PrivacyLists, PrivacyRule } from "../../transport/xep/xep0016.js";

/** What is known of the account's lists. */
export interface PrivacySnapshot extends PrivacyLists {
  /** `unknown`: not asked yet on this stream, or there is none; the rest may be old then. */
  readonly state: "unknown" | "unsupported" | "current";
  /** The rules of the active and of the default list. */
  readonly contents: ReadonlyMap<string, PrivacyListContent>;
}

/** Before anybody has asked. */
export const nothingKnown: PrivacySnapshot = { state: "unknown", names: [], contents: new Map() };

/** The rules that hold for this connection: none without a list; `undefined` while it is not known which list that is, or what it says. */
export function rulesInForce({ state, active, default: standard, contents }: PrivacySnapshot): readonly PrivacyRule[] | undefined {
  if (state !== "current") return undefined;
  const name = active ?? standard;
  return name === undefined ? [] : contents.get(name)?.rules;
}
