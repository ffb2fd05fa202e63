/**
 * The account's block list over one stream: one request per call, typed errors.
 * Spec: XEP-0191, XEP-0377. Not here: what is shown and told (client/blocking/).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { Jid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { given } from "../xep/fields.js";
import { blockListRequest, blockRequest, decodeBlockList, unblockAllRequest, unblockRequest, type BlockedItems } from "../xep/xep0191.js";
import { encodeReport, type AbuseReport } from "../xep/xep0377.js";
import type { IqRequester } from "./iq-requester.js";

/** Asks the own server. Every method throws TransportError `ERR_BLOCKING_UNSUPPORTED` where it has no block list, and what requests throw. */
export class BlockingService {
  readonly #iq: IqRequester;

  constructor(dependencies: { readonly iq: IqRequester }) {
    this.#iq = dependencies.iq;
  }

  /** Everybody who is blocked; from then on the server sends pushes. @throws TransportError `ERR_STREAM_PROTOCOL` if the answer is none */
  async list(signal?: AbortSignal): Promise<BlockedItems> {
    const items = decodeBlockList(await this.#ask("get", blockListRequest(), signal));
    if (items === undefined) throw new TransportError("ERR_STREAM_PROTOCOL", "the answer is no block list");
    return items;
  }

  /** Blocks addresses; a report goes along with each. @throws UsageError `ERR_INVALID_ARGUMENT` without an address */
  async block(jids: readonly Jid[], report?: AbuseReport, signal?: AbortSignal): Promise<void> {
    await this.#ask("set", blockRequest(some(jids).map((jid) => ({ jid, ...given({ report: report && encodeReport(report) }) }))), signal);
  }

  /** Unblocks addresses, or everybody. @throws UsageError `ERR_INVALID_ARGUMENT` without an address: it would unblock everybody */
  async unblock(jids: readonly Jid[] | "all", signal?: AbortSignal): Promise<void> {
    await this.#ask("set", jids === "all" ? unblockAllRequest() : unblockRequest(some(jids)), signal);
  }

  async #ask(type: "get" | "set", payload: XmlElement, signal: AbortSignal | undefined): Promise<XmlElement | undefined> {
    try {
      return await this.#iq.request({ type, payload, ...given({ signal }) });
    } catch (error) {
      throw isUnsupported(error) ? new TransportError("ERR_BLOCKING_UNSUPPORTED", "the server has no block list", { cause: error }) : error;
    }
  }
}

const some = (jids: readonly Jid[]): readonly Jid[] => {
  if (jids.length === 0) throw new UsageError("ERR_INVALID_ARGUMENT", "no address is given");
  return jids;
};

const isUnsupported = (error: unknown): boolean => error instanceof TransportError && error.code === "ERR_STANZA_ERROR"
  && (error.details["condition"] === "service-unavailable" || error.details["condition"] === "feature-not-implemented");
