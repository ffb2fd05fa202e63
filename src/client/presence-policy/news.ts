/**
 * What the server tells a policy of others: who comes and who leaves, and what another client of ours does to roster, lists and blocks.
 * Spec: RFC 6121 sections 2.1.6 and 4, XEP-0016, XEP-0191. Threats V06, H06. Not here: what follows from it (session.ts, machine.ts).
 * @module
 */
import { type BareJid, parseJid, resourceOf, toBare } from "../../base/jid.js";
import { findChildren, isElement, type XmlElement } from "../../base/xml.js";
import { blockingNamespace, clientNamespace, privacyNamespace } from "../../transport/xep/namespaces.js";
import { decodeBlockingPush } from "../../transport/xep/xep0191.js";
import { isCovered } from "../blocking/covered.js";

/** One thing that somebody did. */
export type News =
  /** A resource of `jid` that was not there. */
  | { readonly kind: "came"; readonly jid: BareJid }
  /** The last resource of `jid`. */
  | { readonly kind: "left"; readonly jid: BareJid }
  /** Something about `jid` has changed in the roster. */
  | { readonly kind: "contact"; readonly jid: BareJid }
  /** Lists were written: the names of all that the push tells of. */
  | { readonly kind: "lists"; readonly names: readonly string[] }
  | { readonly kind: "blocked" }
  /** Addresses and domains; `undefined`: everybody. */
  | { readonly kind: "unblocked"; readonly jids: ReadonlySet<BareJid> | undefined };

/** True if `jid` was unblocked. */
export const isFreed = (jid: BareJid, { jids }: News & { readonly kind: "unblocked" }): boolean =>
  jids === undefined || isCovered(jids, jid);

const rosterNamespace = "jabber:iq:roster";

/** Resources of one address whose coming is followed (threats V06, H06). */
const resourcesMax = 20;

/**
 * Reads the stanzas of one session; it remembers who is there, to tell who comes from who goes on talking. Whoever is no contact is not listened to:
 * the server answers nobody else with what we show, and strangers would fill the book (threats V06).
 */
export class NewsReader {
  readonly #account: BareJid;
  readonly #isContact: (jid: BareJid) => boolean;
  readonly #resources = new Map<BareJid, Set<string>>();

  /** `isContact`: in the roster, as the server has confirmed it. */
  constructor(account: BareJid, isContact: (jid: BareJid) => boolean) {
    this.#account = account;
    this.#isContact = isContact;
  }

  /** Who is there already, for a session that is taken over. */
  seed(online: Iterable<readonly [jid: BareJid, resource: string]>): void {
    for (const [jid, resource] of online) this.#resourcesOf(jid).add(resource);
  }

  read(stanza: XmlElement): readonly News[] {
    if (isElement(stanza, clientNamespace, "presence")) return this.#readPresence(stanza);
    return isElement(stanza, clientNamespace, "iq") && stanza.attrs["type"] === "set" ? this.#readPush(stanza) : [];
  }

  #readPresence(stanza: XmlElement): readonly News[] {
    const from = parseJid(stanza.attrs["from"] ?? "");
    const { type } = stanza.attrs;
    if (from === undefined || (type !== undefined && type !== "unavailable")) return [];
    const jid = toBare(from);
    if (jid === this.#account) return [];
    if (!this.#isContact(jid)) return this.#resources.delete(jid) ? [{ kind: "left", jid }] : []; // no longer one
    const resource = resourceOf(from) ?? "";
    const here = this.#resourcesOf(jid);
    if (type === "unavailable") {
      if (resource === "") here.clear();
      else here.delete(resource);
      if (here.size > 0) return [];
      this.#resources.delete(jid);
      return [{ kind: "left", jid }];
    }
    const fresh = !here.has(resource);
    if (here.size < resourcesMax) here.add(resource);
    // Our own upgrade makes another client of this kind answer with its own: only who comes is answered, not who goes on talking.
    return fresh ? [{ kind: "came", jid }] : [];
  }

  #readPush(stanza: XmlElement): readonly News[] {
    if (parseJid(stanza.attrs["from"] ?? this.#account) !== this.#account) return [];
    return stanza.children.flatMap((child): readonly News[] => {
      if (typeof child !== "object") return [];
      switch (child.ns) {
        case rosterNamespace: return readRosterPush(child);
        case privacyNamespace: return [{ kind: "lists", names: findChildren(child, privacyNamespace, "list").map(({ attrs }) => attrs["name"] ?? "") }];
        case blockingNamespace: return [readBlockingPush(child)];
        default: return [];
      }
    });
  }

  #resourcesOf(jid: BareJid): Set<string> {
    const known = this.#resources.get(jid);
    if (known !== undefined) return known;
    const made = new Set<string>();
    this.#resources.set(jid, made);
    return made;
  }
}

const readRosterPush = (query: XmlElement): readonly News[] =>
  findChildren(query, rosterNamespace, "item").flatMap(({ attrs }): readonly News[] => {
    const jid = parseJid(attrs["jid"] ?? "");
    return jid === undefined ? [] : [{ kind: "contact", jid: toBare(jid) }];
  });

function readBlockingPush(payload: XmlElement): News {
  const change = decodeBlockingPush(payload);
  if (change === undefined || change.kind === "block") return { kind: "blocked" };
  return { kind: "unblocked", jids: change.kind === "unblock-all" ? undefined : new Set(change.jids.map(toBare)) };
}
