/**
 * What the simulated server keeps of one account: archive, PEP nodes, offline messages. Plain data, so that a prepared world can be
 * copied for each run.
 * Spec: XEP-0313, XEP-0060 and XEP-0163 as far as the client uses them.
 * @module
 */
import type { BareJid, FullJid } from "../../src/base/jid.js";
import { childElements, findChild, findChildren, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { archiveNamespace, clientNamespace, dataFormNamespace, forwardNamespace, pubsubNamespace, pubsubOwnerNamespace, resultSetNamespace } from "../../src/transport/xep/namespaces.js";
import { findForm } from "../../src/transport/xep/xep0004.js";
import { formatDateTime, parseDateTime } from "../../src/transport/xep/xep0203.js";
import { addressOf } from "./stanzas.js";

export interface Archived {
  readonly id: string;
  readonly stamp: number;
  readonly with: BareJid;
  readonly message: XmlElement;
}

interface Node {
  readonly config: ReadonlyMap<string, string>;
  /** By item id, the newest last. */
  readonly items: ReadonlyMap<string, XmlElement>;
}

/** The answer to a request: a payload, or the condition of an error. */
export type Answer = { readonly payload?: XmlElement } | { readonly condition: string; readonly application?: XmlElement };

const defaults: Readonly<Record<string, string>> = { access_model: "presence", persist_items: "true", max_items: "1" };
const errorsNamespace = "http://jabber.org/protocol/pubsub#errors";

/** One account. */
export class Account {
  readonly jid: BareJid;
  archive: Archived[] = [];
  nodes = new Map<string, Node>();
  offline: XmlElement[] = [];

  constructor(jid: BareJid) {
    this.jid = jid;
  }

  copy(): Account {
    const copy = new Account(this.jid);
    copy.archive = [...this.archive];
    copy.nodes = new Map(this.nodes);
    copy.offline = [...this.offline];
    return copy;
  }

  /** Messages that carry the results of an archive query, and the answer behind them. */
  query(query: XmlElement, to: FullJid): { readonly results: readonly XmlElement[]; readonly answer: Answer } {
    const form = findForm(query);
    const field = (name: string): string | undefined => form?.get(name)?.[0];
    const set = findChild(query, resultSetNamespace, "set");
    const paging = (name: string): string | undefined => {
      const element = set === undefined ? undefined : findChild(set, resultSetNamespace, name);
      return element === undefined ? undefined : textOf(element);
    };
    const peer = field("with");
    const start = parseDateTime(field("start") ?? "") ?? 0;
    const end = parseDateTime(field("end") ?? "") ?? Number.MAX_SAFE_INTEGER;
    const matching = this.archive.filter((item) => (peer === undefined || item.with === peer) && item.stamp >= start && item.stamp <= end);
    const max = Number(paging("max") ?? "50");
    const after = paging("after");
    const before = paging("before");
    const known = [after, before].every((id) => id === undefined || id === "" || this.archive.some((item) => item.id === id));
    if (!known) return { results: [], answer: { condition: "item-not-found" } };
    const candidates = after !== undefined ? behind(matching, this.archive, after)
      : before !== undefined && before !== "" ? matching.filter((item) => Number(item.id) < Number(before)) : matching;
    const page = before === undefined ? candidates.slice(0, max) : candidates.slice(-max);
    return {
      results: page.map((item) => this.#result(item, query.attrs["queryid"], to)),
      answer: { payload: fin(page, candidates.length === page.length, matching.length) },
    };
  }

  #result({ id, stamp, message }: Archived, queryid: string | undefined, to: FullJid): XmlElement {
    return xml(clientNamespace, "message", { from: this.jid, to },
      xml(archiveNamespace, "result", { queryid, id },
        xml(forwardNamespace, "forwarded", {}, xml("urn:xmpp:delay", "delay", { stamp: formatDateTime(stamp) }), message)));
  }

  /** A request to the account's PEP service by `asker`. `notify` is told of a published item. */
  pubsub(request: XmlElement, type: string | undefined, asker: BareJid, notify: (node: string, item: XmlElement) => void): Answer {
    const own = asker === this.jid;
    const action = childElements(request)[0];
    const name = action?.attrs["node"];
    if (action === undefined || name === undefined) return { condition: "bad-request" };
    if (action.name === "items" && type === "get") return this.#items(action, name, own);
    if (!own) return { condition: "forbidden" };
    if (action.name === "publish") return this.#publish(request, action, name, notify);
    if (action.name === "create") return this.#create(request, name);
    if (action.name === "configure" && request.ns === pubsubOwnerNamespace) return this.#configure(action, name, type);
    return { condition: "feature-not-implemented" };
  }

  #items(action: XmlElement, name: string, own: boolean): Answer {
    const node = this.nodes.get(name);
    if (node === undefined) return { condition: own ? "item-not-found" : "forbidden" };
    if (!own && node.config.get("access_model") === "whitelist") return { condition: "forbidden" };
    const ids = findChildren(action, pubsubNamespace, "item").flatMap((item) => item.attrs["id"] ?? []);
    const count = Number(action.attrs["max_items"] ?? node.items.size);
    const items = ids.length > 0 ? ids.flatMap((id) => node.items.get(id) ?? []) : count > 0 ? [...node.items.values()].slice(-count) : [];
    return { payload: xml(pubsubNamespace, "pubsub", {}, xml(pubsubNamespace, "items", { node: name }, ...items)) };
  }

  #publish(request: XmlElement, action: XmlElement, name: string, notify: (node: string, item: XmlElement) => void): Answer {
    const item = findChild(action, pubsubNamespace, "item");
    const id = item?.attrs["id"];
    if (item === undefined || id === undefined) return { condition: "bad-request" };
    const options = findChild(request, pubsubNamespace, "publish-options");
    const wanted = options === undefined ? new Map<string, string>() : fieldsOf(options);
    const node = this.nodes.get(name) ?? { config: new Map([...Object.entries(defaults), ...wanted]), items: new Map<string, XmlElement>() };
    if ([...wanted].some(([key, value]) => node.config.get(key) !== value)) {
      return { condition: "conflict", application: xml(errorsNamespace, "precondition-not-met") };
    }
    const items = new Map(node.items);
    items.delete(id);
    items.set(id, item);
    const max = node.config.get("max_items") ?? "1";
    while (max !== "max" && items.size > Number(max)) items.delete([...items.keys()][0] as string);
    this.nodes.set(name, { ...node, items });
    notify(name, item);
    return { payload: xml(pubsubNamespace, "pubsub", {}, xml(pubsubNamespace, "publish", { node: name }, xml(pubsubNamespace, "item", { id }))) };
  }

  #create(request: XmlElement, name: string): Answer {
    if (this.nodes.has(name)) return { condition: "conflict" };
    const configure = findChild(request, pubsubNamespace, "configure");
    this.nodes.set(name, { config: new Map([...Object.entries(defaults), ...(configure === undefined ? [] : fieldsOf(configure))]), items: new Map() });
    return {};
  }

  #configure(action: XmlElement, name: string, type: string | undefined): Answer {
    const node = this.nodes.get(name);
    if (node === undefined) return { condition: "item-not-found" };
    if (type === "set") {
      this.nodes.set(name, { ...node, config: new Map([...node.config, ...fieldsOf(action)]) });
      return {};
    }
    const fields = [...node.config].map(([key, value]) => xml(dataFormNamespace, "field", { var: `pubsub#${key}` }, xml(dataFormNamespace, "value", {}, value)));
    return {
      payload: xml(pubsubOwnerNamespace, "pubsub", {},
        xml(pubsubOwnerNamespace, "configure", { node: name }, xml(dataFormNamespace, "x", { type: "form" }, ...fields))),
    };
  }
}

// Ids of the archive are numbers that grow; what a filter leaves out still marks a place.
const behind = (matching: readonly Archived[], archive: readonly Archived[], after: string): readonly Archived[] => {
  const place = archive.findIndex((item) => item.id === after);
  const rest = new Set(archive.slice(place + 1));
  return matching.filter((item) => rest.has(item));
};

function fin(page: readonly Archived[], complete: boolean, count: number): XmlElement {
  return xml(archiveNamespace, "fin", complete ? { complete: "true" } : {},
    xml(resultSetNamespace, "set", {},
      page[0] === undefined ? undefined : xml(resultSetNamespace, "first", {}, page[0].id),
      page[0] === undefined ? undefined : xml(resultSetNamespace, "last", {}, (page.at(-1) as Archived).id),
      xml(resultSetNamespace, "count", {}, String(count))));
}

function fieldsOf(parent: XmlElement): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [name, values] of findForm(parent) ?? []) if (name.startsWith("pubsub#")) fields.set(name.slice("pubsub#".length), values[0] ?? "");
  return fields;
}

/** The other side of a message in the archive of `account`. */
export function otherSide(message: XmlElement, account: BareJid): BareJid {
  const from = addressOf(message.attrs["from"])?.bare ?? account;
  return from === account ? addressOf(message.attrs["to"])?.bare ?? account : from;
}
