/**
 * Entity capabilities: what our presence says about us, and the disco#info answers that prove it. Servers read the
 * `+notify` features from here to decide which PEP events we get; some ignore them when the hash is wrong.
 * Spec: XEP-0115 v1.6 #ver-gen, XEP-0163 #notify-filter. SHA-1 is what the XEP prescribes; nothing secret hangs on it.
 * Not here: the capabilities of others.
 * @module
 */
import { sha1 } from "@noble/hashes/legacy.js";
import { toBase64 } from "../../base/base64.js";
import { utf8 } from "../../base/bytes.js";
import { InternalError } from "../../base/errors.js";
import { xml, type XmlElement } from "../../base/xml.js";
import {
  capsNamespace, discoInfoNamespace, markersNamespace, omemo2Namespace, readPositionsNamespace, receiptsNamespace,
} from "../xep/namespaces.js";
import { encodeDiscoInfo, type DiscoIdentity, type DiscoInfo } from "../xep/xep0030.js";
import { deviceListNode } from "../xep/xep0384-directory.js";

/** What an entity of ours announces. */
export type OwnInfo = Pick<DiscoInfo, "identities" | "features">;

/** Names the software in presence; a URI by convention, need not resolve. */
export const capsNode = "urn:sotto:client";

/** What Sotto announces: what it is, what it answers, and which PEP nodes it wants to hear about. */
export const defaultOwnInfo: OwnInfo = {
  identities: [{ category: "client", type: "pc", name: "Sotto" }],
  features: new Set([
    capsNamespace, discoInfoNamespace, receiptsNamespace, markersNamespace,
    `${deviceListNode(omemo2Namespace)}+notify`, `${readPositionsNamespace}+notify`,
  ]),
};

// XEP-0115 sorts by i;octet: UTF-8 bytes, which is the order of code points and not of UTF-16 units.
function compareOctets(a: string, b: string): number {
  const left = utf8(a);
  const right = utf8(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

const identityLine = (identity: DiscoIdentity): string =>
  `${identity.category}/${identity.type}/${identity.lang ?? ""}/${identity.name ?? ""}`;

/**
 * The verification string: base64 of the SHA-1 of the sorted identities and features.
 * @throws InternalError if a value holds "<", which would make two different lists look alike (#security).
 */
export function capsHash(info: OwnInfo): string {
  const lines = [...info.identities.map(identityLine).sort(compareOctets), ...[...info.features].sort(compareOctets)];
  if (lines.some((line) => line.includes("<"))) throw new InternalError("capabilities hold the separator of their own hash");
  return toBase64(sha1(utf8(lines.map((line) => `${line}<`).join(""))));
}

/** The element <c/> for our presence. */
export function capsElement(info: OwnInfo, node: string = capsNode): XmlElement {
  return xml(capsNamespace, "c", { hash: "sha-1", node, ver: capsHash(info) });
}

/**
 * The answer to a disco#info request that came to us; `undefined` for nodes that we do not have, and for other queries.
 * For an IQ handler of the disco#info namespace.
 */
export function answerDiscoInfo(info: OwnInfo, query: XmlElement, node: string = capsNode): XmlElement | undefined {
  if (query.ns !== discoInfoNamespace || query.name !== "query") return undefined;
  const asked = query.attrs["node"];
  const known = asked === undefined || asked === `${node}#${capsHash(info)}`;
  return known ? encodeDiscoInfo(info, asked) : undefined;
}
