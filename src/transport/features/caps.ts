/**
 * Entity capabilities: what our presence says about us, and the disco#info answers that prove it. Servers read the
 * `+notify` features from here to decide which PEP events we get; some ignore them when the hash is wrong.
 * Spec: XEP-0115 v1.6 #ver-gen, XEP-0163 #notify-filter.
 * Not here: the capabilities of others (caps-directory.ts), the hash itself (caps-hash.ts).
 * @module
 */
import { InternalError } from "../../base/errors.js";
import { Emitter, type Unsubscribe } from "../../base/events.js";
import { xml, type XmlElement } from "../../base/xml.js";
import {
  capsNamespace, discoInfoNamespace, markersNamespace, omemo2Namespace, readPositionsNamespace, receiptsNamespace,
} from "../xep/namespaces.js";
import { encodeDiscoInfo, type DiscoInfo } from "../xep/xep0030.js";
import { deviceListNode } from "../xep/xep0384-nodes.js";
import { capsHashOf } from "./caps-hash.js";

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

/** Answers for former hashes that are kept: a server may ask about the presence before the last one. */
const formerMax = 4;

/**
 * The verification string: base64 of the SHA-1 of the sorted identities and features.
 * @throws InternalError if a value holds "<", which would make two different lists look alike (#security-poisoning), or stands there twice.
 */
export function capsHash(info: OwnInfo): string {
  const hash = capsHashOf(encodeDiscoInfo(info));
  if (hash === undefined) throw new InternalError("capabilities hold the separator of their own hash");
  return hash;
}

/** The element <c/> for our presence. */
export function capsElement(info: OwnInfo): XmlElement {
  return xml(capsNamespace, "c", { hash: "sha-1", node: capsNode, ver: capsHash(info) });
}

/**
 * The answer to a disco#info request that came to us; `undefined` for nodes that we do not have, and for other queries.
 * For an IQ handler of the disco#info namespace.
 */
export function answerDiscoInfo(info: OwnInfo, query: XmlElement): XmlElement | undefined {
  if (query.ns !== discoInfoNamespace || query.name !== "query") return undefined;
  const asked = query.attrs["node"];
  const known = asked === undefined || asked === `${capsNode}#${capsHash(info)}`;
  return known ? encodeDiscoInfo(info, asked) : undefined;
}

/** What we announce, which grows with what the application uses. Presence and answers read it here. */
export class OwnCapabilities {
  readonly #infos: OwnInfo[];
  readonly #changes: Emitter<undefined>;

  constructor(info: OwnInfo = defaultOwnInfo, onListenerError?: (error: unknown) => void) {
    this.#infos = [info];
    this.#changes = new Emitter(onListenerError);
  }

  /** What is announced now. */
  get info(): OwnInfo {
    return this.#infos[0] as OwnInfo;
  }

  /** The element <c/> for our presence. */
  element(): XmlElement {
    return capsElement(this.info);
  }

  /** As {@link answerDiscoInfo}, also for what was announced before. Who may ask is not decided here (threats F24). */
  answer(query: XmlElement): XmlElement | undefined {
    for (const info of this.#infos) {
      const answer = answerDiscoInfo(info, query);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** Announces `features` too; tells the listeners if there is anything new. */
  add(features: Iterable<string>): void {
    const all = new Set([...this.info.features, ...features]);
    if (all.size === this.info.features.size) return;
    this.#infos.unshift({ ...this.info, features: all });
    this.#infos.length = Math.min(this.#infos.length, formerMax);
    this.#changes.emit(undefined);
  }

  /** Calls `listener` after each change: presence has to be sent again. */
  onChange(listener: () => void): Unsubscribe {
    return this.#changes.subscribe(listener);
  }
}
