/** XEP-0030 Service Discovery, v2.5.1: the queries disco#info and disco#items. Not here: asking (features/disco.ts, disco-items.ts). @module */
import { parseJid, type Jid } from "../../base/jid.js";
import { discoItemsMax } from "../../base/limits.js";
import { findChildren, isElement, xml, type XmlElement } from "../../base/xml.js";
import { given } from "./fields.js";
import { decodeForm, type FormFields } from "./xep0004.js";
import { dataFormNamespace, discoInfoNamespace, discoItemsNamespace } from "./namespaces.js";

/** What an entity is. */
export interface DiscoIdentity {
  readonly category: string;
  readonly type: string;
  readonly name?: string;
  readonly lang?: string;
}

/** What an entity says about itself. */
export interface DiscoInfo {
  readonly identities: readonly DiscoIdentity[];
  /** In the order received; repeated features count once. */
  readonly features: ReadonlySet<string>;
  readonly forms: readonly FormFields[];
}

/** Asks an entity, or one of its nodes, what it is. */
export function discoInfoRequest(node?: string): XmlElement {
  return xml(discoInfoNamespace, "query", { node });
}

/** Writes an answer; `node` repeats the node that was asked for. */
export function encodeDiscoInfo(info: Pick<DiscoInfo, "identities" | "features">, node?: string): XmlElement {
  return xml(discoInfoNamespace, "query", { node },
    ...info.identities.map(({ category, type, name, lang }) =>
      xml(discoInfoNamespace, "identity", { category, type, name, "xml:lang": lang })),
    ...[...info.features].map((feature) => xml(discoInfoNamespace, "feature", { var: feature })));
}

/** Reads an answer; `undefined` if it is none. Identities without category or type and features without name are skipped. */
export function decodeDiscoInfo(element: XmlElement | undefined): DiscoInfo | undefined {
  if (!isElement(element, discoInfoNamespace, "query")) return undefined;
  const features = findChildren(element, discoInfoNamespace, "feature").flatMap((feature) => feature.attrs["var"] ?? []);
  return {
    identities: findChildren(element, discoInfoNamespace, "identity").flatMap((identity) => decodeIdentity(identity) ?? []),
    features: new Set(features),
    forms: findChildren(element, dataFormNamespace, "x").flatMap((form) => decodeForm(form) ?? []),
  };
}

function decodeIdentity(element: XmlElement): DiscoIdentity | undefined {
  const { category, type, name, "xml:lang": lang } = element.attrs;
  return category && type ? { category, type, ...given({ name, lang }) } : undefined;
}

/** Something that belongs to an entity. */
export interface DiscoItem {
  readonly jid: Jid;
  readonly node?: string;
  /** As its owner wrote it. */
  readonly name?: string;
}

/** Asks what belongs to an entity, or to one of its nodes. */
export function discoItemsRequest(node?: string): XmlElement {
  return xml(discoItemsNamespace, "query", { node });
}

/** Reads the first `discoItemsMax` items; those without a usable address are skipped. `undefined` if it is no such answer. */
export function decodeDiscoItems(element: XmlElement | undefined): readonly DiscoItem[] | undefined {
  if (!isElement(element, discoItemsNamespace, "query")) return undefined;
  return findChildren(element, discoItemsNamespace, "item").slice(0, discoItemsMax).flatMap(({ attrs: { jid: address, node, name } }) => {
    const jid = parseJid(address ?? "");
    return jid === undefined ? [] : [{ jid, ...given({ node, name }) }];
  });
}
