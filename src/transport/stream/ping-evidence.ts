/**
 * Evidence of what the server has where there is no stream management: a ping to its domain. Servers handle the stanzas of one stream in order
 * (RFC 6120 section 10.1), so that any answer proves that they took what was before, an error as well.
 * Spec: XEP-0199. Threats F01, F02, Q10. Not here: when it is asked for (evidence.ts).
 * @module
 */
import { domainOf, parseJid, type BareJid, type FullJid } from "../../base/jid.js";
import { randomId, type Rng } from "../../base/rng.js";
import { xml, type XmlElement } from "../../base/xml.js";
import { clientNamespace, pingNamespace } from "../xep/namespaces.js";

/** One question at a time. */
export class PingEvidence {
  readonly #domain: BareJid;
  readonly #rng: Rng;
  /** The open question and what its answer proves. */
  #open: { readonly id: string; readonly upTo: number } | undefined;

  constructor(jid: FullJid, rng: Rng) {
    this.#domain = domainOf(jid);
    this.#rng = rng;
  }

  /** The question, to be written behind everything up to the number `upTo`. */
  question(upTo: number): XmlElement {
    const id = randomId(this.#rng);
    this.#open = { id, upTo };
    return xml(clientNamespace, "iq", { type: "get", id, to: this.#domain }, xml(pingNamespace, "ping"));
  }

  /** Up to which number the server has everything, if `stanza` is its answer. */
  answer({ attrs: { from, id, type }, name }: XmlElement): number | undefined {
    const open = this.#open;
    if (open === undefined || name !== "iq" || id !== open.id || (type !== "result" && type !== "error")) return undefined;
    if (from !== undefined && parseJid(from) !== this.#domain) return undefined;
    this.#open = undefined;
    return open.upTo;
  }
}
