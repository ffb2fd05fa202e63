/**
 * The account's privacy lists over one stream: one request per call, typed errors.
 * Spec: XEP-0016. Not here: rules and requests (xep/xep0016.ts), safe changes and pushes (client/privacy/).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { XmlElement } from "../../base/xml.js";
import { TransportError, type TransportErrorCode } from "../errors.js";
import { given } from "../xep/fields.js";
import {
  activateRequest, decodeList, decodeLists, defaultRequest, listRequest, listsRequest, putListRequest, removeListRequest,
  type PrivacyListContent, type PrivacyLists, type PrivacyRule,
} from "../xep/xep0016.js";
import type { IqRequester } from "./iq-requester.js";

/**
 * Asks the own server. Every method throws TransportError `ERR_PRIVACY_LISTS_UNSUPPORTED` where the server has no privacy lists,
 * and what requests throw.
 */
export class PrivacyListsService {
  readonly #iq: IqRequester;

  constructor(dependencies: { readonly iq: IqRequester }) {
    this.#iq = dependencies.iq;
  }

  /** The names of all lists, and which are in force. @throws TransportError `ERR_STREAM_PROTOCOL` if the answer is none. */
  async lists(signal?: AbortSignal): Promise<PrivacyLists> {
    return decodeLists(await this.#ask("get", listsRequest(), signal)) ?? noAnswer();
  }

  /** The rules of a list. @throws TransportError `ERR_PRIVACY_LIST_UNKNOWN`, `ERR_STREAM_PROTOCOL` if the answer is not that list. */
  async get(name: string, signal?: AbortSignal): Promise<PrivacyListContent> {
    return decodeList(await this.#ask("get", listRequest(checked(name)), signal, true), name) ?? noAnswer();
  }

  /**
   * Creates the list or overwrites it as a whole; where it is in force, the new rules are in force at once.
   * @throws UsageError `ERR_INVALID_ARGUMENT` without a rule: that would ask the server to remove the list
   */
  async put(name: string, rules: readonly PrivacyRule[], signal?: AbortSignal): Promise<void> {
    if (rules.length === 0) throw new UsageError("ERR_INVALID_ARGUMENT", "a privacy list needs a rule");
    await this.#ask("set", putListRequest(checked(name), rules), signal);
  }

  /**
   * Removes the list.
   * @throws TransportError `ERR_PRIVACY_LIST_CONFLICT` while it is in force for another connection (on ejabberd also as the default list
   *   of our own), `ERR_PRIVACY_LIST_UNKNOWN` (Prosody says `ERR_STANZA_ERROR` with bad-request)
   */
  async remove(name: string, signal?: AbortSignal): Promise<void> {
    await this.#ask("set", removeListRequest(checked(name)), signal, true);
  }

  /** Puts the list in force for this connection instead of the default list, or none. @throws TransportError `ERR_PRIVACY_LIST_UNKNOWN` */
  async activate(name: string | undefined, signal?: AbortSignal): Promise<void> {
    await this.#ask("set", activateRequest(checked(name)), signal, true);
  }

  /**
   * Makes the list the account's default, or declines one.
   * @throws TransportError `ERR_PRIVACY_LIST_CONFLICT` while another connection uses the present default list (Prosody: while another
   *   connection has no active list), `ERR_PRIVACY_LIST_UNKNOWN`
   */
  async setDefault(name: string | undefined, signal?: AbortSignal): Promise<void> {
    await this.#ask("set", defaultRequest(checked(name)), signal, true);
  }

  async #ask(type: "get" | "set", payload: XmlElement, signal: AbortSignal | undefined, aboutList = false): Promise<XmlElement | undefined> {
    try {
      // A list that comes into force by itself, after whoever asked for it was told that it failed, would show presence that was meant for another one.
      return await this.#iq.request({ type, payload, resend: false, ...given({ signal }) });
    } catch (error) {
      throw typed(error, aboutList);
    }
  }
}

function checked<T extends string | undefined>(name: T): T {
  if (name === "") throw new UsageError("ERR_INVALID_ARGUMENT", "a privacy list needs a name");
  return name;
}

function noAnswer(): never {
  throw new TransportError("ERR_STREAM_PROTOCOL", "the answer is no privacy list that was asked for");
}

const codes: ReadonlyMap<unknown, readonly [code: TransportErrorCode, message: string]> = new Map([
  ["service-unavailable", ["ERR_PRIVACY_LISTS_UNSUPPORTED", "the server has no privacy lists"]],
  ["feature-not-implemented", ["ERR_PRIVACY_LISTS_UNSUPPORTED", "the server has no privacy lists"]],
  ["conflict", ["ERR_PRIVACY_LIST_CONFLICT", "the privacy list is in force for another connection"]],
  ["item-not-found", ["ERR_PRIVACY_LIST_UNKNOWN", "there is no privacy list of that name"]],
]);

/** `aboutList`: the request names a list that exists; when one is written, item-not-found is about a group in a rule. */
function typed(error: unknown, aboutList: boolean): unknown {
  if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") return error;
  const { condition } = error.details;
  const found = condition === "item-not-found" && !aboutList ? undefined : codes.get(condition);
  return found === undefined ? error : new TransportError(found[0], found[1], { cause: error, details: error.details });
}
