/**
 * XEP-0060 Publish-Subscribe, v1.29, as far as XEP-0163 (PEP) uses it: requests, answers and notifications.
 * Not here: when to send which (features/pep.ts).
 * @module
 */
import { childElements, findChild, findChildren, isElement, xml, type XmlElement } from "../../base/xml.js";
import { given } from "./fields.js";
import { encodeForm, findForm, type FormFields } from "./xep0004.js";
import { pubsubEventNamespace, pubsubNamespace, pubsubOwnerNamespace } from "./namespaces.js";

const publishOptionsForm = `${pubsubNamespace}#publish-options`;
const nodeConfigForm = `${pubsubNamespace}#node_config`;

/** An item of a node: its id and its one payload. Either may be missing. */
export interface PubsubItem {
  readonly id?: string;
  readonly payload?: XmlElement;
}

/** Configuration fields by their name without the prefix `pubsub#`. */
export type NodeFields = Readonly<Record<string, string>>;

const prefixed = (fields: NodeFields): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [`pubsub#${name}`, value]));

/** Asks for items by id, or for the newest `maxItems`. Unbounded requests do not exist: a node may hold anything. */
export function itemsRequest(node: string, wanted: { readonly ids: readonly string[] } | { readonly maxItems: number }): XmlElement {
  const byId = "ids" in wanted;
  return xml(pubsubNamespace, "pubsub", {}, xml(pubsubNamespace, "items", { node, max_items: byId ? undefined : wanted.maxItems },
    ...(byId ? wanted.ids.map((id) => xml(pubsubNamespace, "item", { id })) : [])));
}

/** The items of an answer to {@link itemsRequest}; `undefined` if it is not about `node`. */
export function decodeItems(answer: XmlElement | undefined, node: string): PubsubItem[] | undefined {
  if (!isElement(answer, pubsubNamespace, "pubsub")) return undefined;
  const items = findChild(answer, pubsubNamespace, "items");
  if (items?.attrs["node"] !== node) return undefined;
  return findChildren(items, pubsubNamespace, "item").map(decodeItem);
}

function decodeItem(item: XmlElement): PubsubItem {
  return given({ id: item.attrs["id"], payload: childElements(item)[0] });
}

/** Publishes one item. With `options` the server refuses, or makes the node so (#publisher-publish-options). */
export function publishRequest(publication: {
  readonly node: string; readonly id: string; readonly payload: XmlElement; readonly options?: NodeFields;
}): XmlElement {
  const { node, id, payload, options } = publication;
  return xml(pubsubNamespace, "pubsub", {},
    xml(pubsubNamespace, "publish", { node }, xml(pubsubNamespace, "item", { id }, payload)),
    options === undefined ? undefined
      : xml(pubsubNamespace, "publish-options", {}, encodeForm(publishOptionsForm, prefixed(options))));
}

/** Creates a node with a configuration (#owner-create-and-configure). */
export function createRequest(node: string, fields: NodeFields): XmlElement {
  return xml(pubsubNamespace, "pubsub", {},
    xml(pubsubNamespace, "create", { node }),
    xml(pubsubNamespace, "configure", {}, encodeForm(nodeConfigForm, prefixed(fields))));
}

/** Asks for the configuration form of an own node (#owner-configure-request). */
export function configurationRequest(node: string): XmlElement {
  return xml(pubsubOwnerNamespace, "pubsub", {}, xml(pubsubOwnerNamespace, "configure", { node }));
}

/** Submits a configuration (#owner-configure-submit); fields that are left out keep their value. */
export function configureRequest(node: string, fields: NodeFields): XmlElement {
  return xml(pubsubOwnerNamespace, "pubsub", {},
    xml(pubsubOwnerNamespace, "configure", { node }, encodeForm(nodeConfigForm, prefixed(fields))));
}

/** The form of an answer to {@link configurationRequest}. */
export function decodeConfiguration(answer: XmlElement | undefined): FormFields | undefined {
  if (!isElement(answer, pubsubOwnerNamespace, "pubsub")) return undefined;
  const configure = findChild(answer, pubsubOwnerNamespace, "configure");
  return configure === undefined ? undefined : findForm(configure);
}

/** What a notification says about a node. */
export type PubsubEvent =
  | { readonly kind: "items"; readonly node: string; readonly items: readonly PubsubItem[]; readonly retracted: readonly string[] }
  | { readonly kind: "purged"; readonly node: string }
  | { readonly kind: "deleted"; readonly node: string };

/** The event inside a message stanza; `undefined` if there is none. Who may say so is not decided here. */
export function decodeEvent(stanza: XmlElement): PubsubEvent | undefined {
  const event = findChild(stanza, pubsubEventNamespace, "event");
  const change = event === undefined ? undefined : childElements(event).find((child) => child.ns === pubsubEventNamespace);
  const node = change?.attrs["node"];
  if (change === undefined || node === undefined) return undefined;
  switch (change.name) {
    case "items":
      return {
        kind: "items",
        node,
        items: findChildren(change, pubsubEventNamespace, "item").map(decodeItem),
        retracted: findChildren(change, pubsubEventNamespace, "retract").flatMap((item) => item.attrs["id"] ?? []),
      };
    case "purge": return { kind: "purged", node };
    case "delete": return { kind: "deleted", node };
    default: return undefined; // configuration changes and what later versions may add
  }
}
