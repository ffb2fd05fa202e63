/**
 * PEP in memory, with the differences between servers that were measured on real ones: which publish-options are
 * accepted, what a configuration may hold, how absence is reported. Answers IQs like a stream would.
 * @module
 */
import { type BareJid } from "../../src/base/jid.js";
import { childElements, findChild, findChildren, xml, type XmlElement } from "../../src/base/xml.js";
import { TransportError } from "../../src/transport/errors.js";
import type { IqQuestion, IqRequester } from "../../src/transport/features/iq-requester.js";
import { findForm } from "../../src/transport/xep/xep0004.js";

const pubsub = "http://jabber.org/protocol/pubsub";
const owner = "http://jabber.org/protocol/pubsub#owner";
const data = "jabber:x:data";

interface FakeNode {
  readonly config: Map<string, string>;
  readonly items: Map<string, XmlElement>;
}

/** What differs between servers. */
export interface PepDialect {
  /** Fields that publish-options may hold; undefined: all. */
  readonly publishOptions?: readonly string[];
  /** Refuses "max" as a value of max_items, up to this number is fine. */
  readonly maxItemsMax?: number;
  /** No publish-options at all. */
  readonly noPublishOptions?: boolean;
  /** How a stranger learns that a node does not exist. */
  readonly missingForStranger: "forbidden" | "item-not-found";
  /** Answers a request for several items with the first only. */
  readonly oneItemPerRequest?: boolean;
  /** Keeps nodes as they are, whatever is submitted. */
  readonly frozenConfiguration?: boolean;
}

export const prosodyDialect: PepDialect = { missingForStranger: "forbidden" };
export const ejabberdDialect: PepDialect = { publishOptions: ["access_model", "persist_items"], missingForStranger: "item-not-found" };

function refuse(condition: string, application?: string, type = "cancel"): TransportError {
  return new TransportError("ERR_STANZA_ERROR", "an error stanza was the answer", {
    retryable: type === "wait", details: { condition, type, ...(application === undefined ? {} : { application }) },
  });
}

/** One account's PEP service and the accounts it can see. */
export class FakePepServer implements IqRequester {
  readonly nodes = new Map<string, FakeNode>();
  readonly log: string[] = [];
  /** Called before each request; may throw to play a failure. */
  before: (iq: IqQuestion) => void = () => undefined;
  inFlight = 0;
  inFlightMax = 0;
  readonly #account: BareJid;
  readonly #dialect: PepDialect;

  constructor(account: BareJid, dialect: PepDialect) {
    this.#account = account;
    this.#dialect = dialect;
  }

  async request(iq: IqQuestion): Promise<XmlElement | undefined> {
    this.inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    try {
      await Promise.resolve();
      this.before(iq);
      return this.#answer(iq);
    } finally {
      this.inFlight--;
    }
  }

  /** Puts a node there as another client would have left it. */
  place(jid: BareJid, name: string, config: Readonly<Record<string, string>>, items: Readonly<Record<string, XmlElement>> = {}): void {
    this.nodes.set(`${jid} ${name}`, { config: new Map(Object.entries(config)), items: new Map(Object.entries(items)) });
  }

  node(name: string, jid: BareJid = this.#account): FakeNode | undefined {
    return this.nodes.get(`${jid} ${name}`);
  }

  #answer(iq: IqQuestion): XmlElement | undefined {
    const jid = (iq.to ?? this.#account) as BareJid;
    const [action] = childElements(iq.payload) as [XmlElement];
    const name = action.attrs["node"] as string;
    const form = this.#form(iq.payload);
    this.log.push([action.name, ...[...(form ?? [])].map(([field, value]) => `${field}=${value}`)].join(" "));
    if (iq.payload.ns === owner) return this.#configure(name, iq.type === "set" ? form : undefined);
    if (action.name === "items") return this.#items(jid, name, action);
    if (action.name === "create") this.#create(name, form ?? new Map());
    else this.#publish(name, findChild(action, pubsub, "item") as XmlElement, form);
    return undefined;
  }

  // The fields of whatever form is in the request, without FORM_TYPE and prefix.
  #form(payload: XmlElement): Map<string, string> | undefined {
    const holder = childElements(payload).find((child) => findChild(child, data, "x") !== undefined);
    if (holder === undefined) return undefined;
    const fields = [...(findForm(holder) ?? [])].filter(([field]) => field !== "FORM_TYPE");
    return new Map(fields.map(([field, values]) => [field.replace("pubsub#", ""), values[0] ?? ""]));
  }

  #checkValues(form: ReadonlyMap<string, string>): void {
    const maxItems = form.get("max_items");
    if (maxItems === undefined || this.#dialect.maxItemsMax === undefined) return;
    if (maxItems === "max" || Number(maxItems) > this.#dialect.maxItemsMax) throw refuse("bad-request", undefined, "modify");
  }

  #publish(name: string, item: XmlElement, options: Map<string, string> | undefined): void {
    let node = this.node(name);
    if (options !== undefined) {
      if (this.#dialect.noPublishOptions === true) throw refuse("feature-not-implemented");
      const allowed = this.#dialect.publishOptions;
      if (allowed !== undefined && [...options.keys()].some((field) => !allowed.includes(field))) throw refuse("resource-constraint", undefined, "wait");
      this.#checkValues(options);
      const differs = node !== undefined && [...options].some(([field, value]) => node?.config.get(field) !== value);
      if (differs) throw refuse("conflict", "precondition-not-met");
    }
    if (node === undefined) {
      node = { config: new Map([["access_model", "presence"], ["persist_items", "true"], ["max_items", "1"], ...(options ?? [])]), items: new Map() };
      this.nodes.set(`${this.#account} ${name}`, node);
    }
    node.items.delete(item.attrs["id"] as string);
    node.items.set(item.attrs["id"] as string, childElements(item)[0] as XmlElement);
    this.#trim(node);
  }

  #trim(node: FakeNode): void {
    const maxItems = node.config.get("max_items") ?? "1";
    while (maxItems !== "max" && node.items.size > Number(maxItems)) node.items.delete([...node.items.keys()][0] as string);
  }

  #create(name: string, form: ReadonlyMap<string, string>): void {
    if (this.node(name) !== undefined) throw refuse("conflict");
    this.#checkValues(form);
    this.place(this.#account, name, { access_model: "presence", persist_items: "true", max_items: "1", ...Object.fromEntries(form) });
  }

  #configure(name: string, form: ReadonlyMap<string, string> | undefined): XmlElement | undefined {
    const node = this.node(name);
    if (node === undefined) throw refuse("item-not-found");
    if (form !== undefined) {
      this.#checkValues(form);
      if (this.#dialect.frozenConfiguration !== true) for (const [field, value] of form) node.config.set(field, value);
      return undefined;
    }
    const fields = [...node.config].map(([field, value]) => xml(data, "field", { var: `pubsub#${field}` }, xml(data, "value", {}, value)));
    return xml(owner, "pubsub", {}, xml(owner, "configure", { node: name }, xml(data, "x", { type: "form" }, ...fields)));
  }

  #items(jid: BareJid, name: string, action: XmlElement): XmlElement {
    const node = this.node(name, jid);
    if (node === undefined) throw refuse(jid === this.#account ? "item-not-found" : this.#dialect.missingForStranger);
    const ids = findChildren(action, pubsub, "item").map((item) => item.attrs["id"] as string);
    let found = [...node.items].filter(([id]) => ids.length === 0 || ids.includes(id));
    if (this.#dialect.oneItemPerRequest === true && ids.length > 0) found = found.filter(([id]) => id === ids[0]);
    const maxItems = action.attrs["max_items"];
    if (maxItems !== undefined) found = found.slice(-Number(maxItems));
    return xml(pubsub, "pubsub", {}, xml(pubsub, "items", { node: name }, ...found.map(([id, payload]) => xml(pubsub, "item", { id }, payload))));
  }
}
