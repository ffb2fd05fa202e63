/**
 * Asking for the roster and changing it, over one stream; whose pushes count.
 * Spec: RFC 6121 sections 2.1.3-2.1.6, 2.2-2.6, 3. Threats F07.
 * Not here: what the roster is (client/roster/).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { findChild, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import type { IncomingIq } from "../stream/iq.js";
import { given } from "../xep/fields.js";
import { pingNamespace, preApprovalNamespace, rosterNamespace, rosterVersioningNamespace } from "../xep/namespaces.js";
import { decodeRoster, decodeRosterPush, encodeRosterGet, encodeRosterRemove, encodeRosterSet, type RosterItem, type RosterList, type RosterPush } from "../xep/rfc6121-roster.js";
import type { IqRequester } from "./iq-requester.js";

/** What the server said. `unchanged`: the version that was named is still the state, or pushes follow that make it so. */
export type RosterAnswer = ({ readonly kind: "list" } & RosterList) | { readonly kind: "unchanged" };

/** The roster of the account over one stream. */
export class RosterService {
  readonly #iq: IqRequester;
  /** Whether the server keeps versions, and takes approvals ahead of requests. */
  readonly hasVersions: boolean;
  readonly hasPreApproval: boolean;

  constructor(dependencies: { readonly iq: IqRequester; readonly features: XmlElement }) {
    this.#iq = dependencies.iq;
    this.hasVersions = findChild(dependencies.features, rosterVersioningNamespace, "ver") !== undefined;
    this.hasPreApproval = findChild(dependencies.features, preApprovalNamespace, "sub") !== undefined;
  }

  /**
   * The whole roster, or that `version` is still right. From here on the server sends pushes.
   * @throws TransportError as requests do, and `ERR_STREAM_PROTOCOL` if the answer is neither
   */
  async fetch(version: string | undefined, signal?: AbortSignal): Promise<RosterAnswer> {
    const answer = await this.#request("get", encodeRosterGet(this.hasVersions ? version ?? "" : undefined), signal);
    if (answer === undefined && this.hasVersions && version !== undefined) return { kind: "unchanged" };
    const list = decodeRoster(answer);
    if (list === undefined) throw new TransportError("ERR_STREAM_PROTOCOL", "the answer is not a roster");
    return { kind: "list", ...list };
  }

  /** @throws TransportError as requests do */
  async set(item: Pick<RosterItem, "jid" | "name" | "rawName" | "groups">, signal?: AbortSignal): Promise<void> {
    await this.#request("set", encodeRosterSet(item), signal);
  }

  /** @throws TransportError as requests do; `item-not-found` if it is not there any more */
  async remove(jid: BareJid, signal?: AbortSignal): Promise<void> {
    await this.#request("set", encodeRosterRemove(jid), signal);
  }

  /**
   * Resolves when the server has dealt with everything that was sent before (RFC 6120 section 10.1: in order). Presence has no answer of
   * its own, and any answer to this will do.
   * @throws TransportError `ERR_IQ_TIMEOUT`, `ERR_STREAM_CLOSED`
   */
  async barrier(signal?: AbortSignal): Promise<void> {
    try {
      await this.#request("get", xml(pingNamespace, "ping"), signal);
    } catch (error) {
      if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") throw error;
    }
  }

  #request(type: "get" | "set", payload: XmlElement, signal: AbortSignal | undefined): Promise<XmlElement | undefined> {
    return this.#iq.request({ type, payload, ...given({ signal }) });
  }
}

/** The push in a request that came in; `undefined` for everything that is none, or not from our own account (threats F07). */
export function readRosterPush(request: IncomingIq, account: BareJid): RosterPush | undefined {
  if (request.type !== "set" || request.payload.ns !== rosterNamespace) return undefined;
  return request.from === undefined || request.from === account ? decodeRosterPush(request.payload) : undefined;
}
