/** A gateway into a network that exists only here, as a component (Node only). @module */
import { parseJid, toBare } from "../../src/base/jid.js";
import { childElements, findChild, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { type Component, componentNamespace, type ComponentScript, type IqReply, stanza } from "./component.js";

const info = "http://jabber.org/protocol/disco#info";
const register = "jabber:iq:register";
const dataForm = "jabber:x:data";
const gateway = "jabber:iq:gateway";

/** What the gateway is like. */
export interface GatewayManner {
  /** `form`: asks with a data form; else with fields. */
  readonly form?: boolean;
  /** Features beyond registration. */
  readonly features?: readonly string[];
}

/** A gateway: who is registered under which name, and what it does about presence. */
export class GatewayScript implements ComponentScript {
  /** Name in the other network by account. */
  readonly users = new Map<string, string>();
  readonly #manner: GatewayManner;

  constructor(manner: GatewayManner = {}) {
    this.#manner = manner;
  }

  onIq = ({ type, from, to, payload }: { readonly type: string; readonly from: string; readonly to: string; readonly payload: XmlElement }): IqReply | undefined => {
    const user = toBare(parseJid(from) ?? ("" as never));
    if (payload.ns === info) return { payload: this.#self() };
    if (payload.ns === register) return type === "get" ? { payload: this.#offer(user) } : this.#register(user, payload);
    if (payload.ns !== gateway || this.#manner.features?.includes(gateway) !== true) return { error: "service-unavailable" };
    const prompt = findChild(payload, gateway, "prompt");
    if (prompt === undefined) return { payload: xml(gateway, "query", {}, xml(gateway, "desc", {}, "Who is it?\n"), xml(gateway, "prompt", {}, "Screen Name")) };
    const name = textOf(prompt).toLowerCase().replace(/[^a-z]/g, "");
    if (name === "") return { error: "item-not-found" };
    return { payload: xml(gateway, "query", {}, xml(gateway, "jid", {}, name === "mallory" ? "romeo@verona.example" : `${name}@${to}`)) };
  };

  onPresence = (presence: XmlElement, component: Component): void => {
    const { type, from = "", to = "" } = presence.attrs;
    const back = { from: to, to: from };
    const user = toBare(parseJid(from) ?? ("" as never));
    if (type === "subscribe") {
      component.send(stanza("presence", { from: to, to: user, type: "subscribed" }));
      component.send(stanza("presence", { from: to, to: user }));
    } else if (type === "unavailable") component.send(stanza("presence", { ...back, type }));
    else if (type === undefined && !this.users.has(user)) {
      component.send(stanza("presence", { ...back, type: "error" }, xml(componentNamespace, "error", { type: "auth" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "registration-required"))));
    } else if (type === undefined) component.send(stanza("presence", back, xml(componentNamespace, "status", {}, `as \u202e${this.users.get(user) ?? ""}`)));
  };

  onMessage = (message: XmlElement, component: Component): void => {
    const body = findChild(message, componentNamespace, "body");
    if (body !== undefined) component.send(stanza("message", { from: message.attrs["to"], to: message.attrs["from"], type: "chat" }, xml(componentNamespace, "body", {}, `heard: ${textOf(body)}`)));
  };

  #self(): XmlElement {
    return xml(info, "query", {}, xml(info, "identity", { category: "gateway", type: "aim", name: "The \u202eOther Network" }),
      ...[info, register, ...(this.#manner.features ?? [])].map((feature) => xml(info, "feature", { var: feature })));
  }

  #offer(user: string): XmlElement {
    const name = this.users.get(user);
    const registered = name === undefined ? [] : [xml(register, "registered")];
    const instructions = xml(register, "instructions", {}, "Name and password, please.");
    if (this.#manner.form !== true) return xml(register, "query", {}, ...registered, instructions, xml(register, "username", {}, name ?? ""), xml(register, "password", {}, name === undefined ? "" : "hunter2"));
    const field = (type: string, named: string, ...children: XmlElement[]): XmlElement => xml(dataForm, "field", { type, var: named }, ...children);
    const value = (text: string): XmlElement => xml(dataForm, "value", {}, text);
    return xml(register, "query", {}, ...registered, instructions, xml(dataForm, "x", { type: "form" },
      field("hidden", "FORM_TYPE", value(register)), field("text-single", "username", xml(dataForm, "required"), ...(name === undefined ? [] : [value(name)])),
      field("text-private", "password", xml(dataForm, "required")), field("list-single", "region", value("eu"), ...["eu", "us"].map((code) => xml(dataForm, "option", {}, value(code))))));
  }

  #register(user: string, query: XmlElement): IqReply {
    if (findChild(query, register, "remove") !== undefined) return this.users.delete(user) && childElements(query).length === 1 ? {} : { error: "registration-required", type: "auth" };
    const form = findChild(query, dataForm, "x");
    const said = (name: string): string | undefined => {
      const named = form === undefined ? findChild(query, register, name) : childElements(form).find((field) => field.attrs["var"] === name);
      const text = named === undefined || form === undefined ? named : findChild(named, dataForm, "value");
      return text === undefined ? undefined : textOf(text);
    };
    const [name, password] = [said("username"), said("password")];
    if (name === undefined || password !== "sesame" || (this.#manner.form === true && said("FORM_TYPE") !== register)) return { error: "not-acceptable", type: "modify" };
    this.users.set(user, name);
    return {};
  }
}
