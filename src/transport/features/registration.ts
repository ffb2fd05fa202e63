/**
 * Registration with services: what they want to know, the answers, and the end of it.
 *
 * The same requests, sent to the own server, change the account's password or delete the account, and a request without an address goes to
 * the own server. So there is always an address here, it is a bare domain, and it is not the domain of the account, however it is written.
 * Spec: XEP-0077. Not here: whether the other side is what it says it is (client/gateways/).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { domainOf, isFullJid, localOf, type BareJid, type Jid } from "../../base/jid.js";
import { TransportError } from "../errors.js";
import { given } from "../xep/fields.js";
import { checkAnswers, type FormAnswers } from "../xep/xep0004-form.js";
import { decodeRegistration, encodeRegistration, registrationRequest, removalRequest, type RegistrationOffer } from "../xep/xep0077.js";
import type { IqRequester } from "./iq-requester.js";

/** The domain as DNS has it, so that two ways to write one domain are one. */
function asciiDomain(domain: BareJid): string {
  const url = `https://${domain}/`;
  return URL.canParse(url) ? new URL(url).hostname : domain;
}

/** True if `service` may be asked to register or to forget `account`: a domain, and not the one of the account. */
export function isOtherService(service: Jid, account: BareJid): boolean {
  return localOf(service) === undefined && !isFullJid(service) && asciiDomain(domainOf(service)) !== asciiDomain(domainOf(account));
}

/** How to register. */
export class RegistrationService {
  readonly #iq: IqRequester;
  readonly #account: BareJid;

  constructor(dependencies: { readonly iq: IqRequester; readonly account: BareJid }) {
    this.#iq = dependencies.iq;
    this.#account = dependencies.account;
  }

  /**
   * What `service` wants to know, and what it has on record.
   * @throws UsageError `ERR_INVALID_ARGUMENT` for the own server; TransportError `ERR_STANZA_ERROR` (`service-unavailable`: no registration),
   *   `ERR_STREAM_PROTOCOL` if the answer or its form cannot be used.
   */
  async offer(service: BareJid, signal?: AbortSignal): Promise<RegistrationOffer> {
    const answer = await this.#iq.request({ type: "get", to: this.#checked(service), payload: registrationRequest(), ...given({ signal }) });
    const offer = decodeRegistration(answer, service);
    if (offer === undefined) throw new TransportError("ERR_STREAM_PROTOCOL", "the answer is no registration form that can be used");
    return offer;
  }

  /**
   * Sends the answers to whoever has made the offer.
   * @throws UsageError `ERR_INVALID_ARGUMENT` if answers have a problem (`details.problems`: how many), or for the own server;
   *   TransportError `ERR_STANZA_ERROR` (`not-acceptable`: refused, `conflict`: taken).
   */
  async submit(offer: RegistrationOffer, answers: FormAnswers, signal?: AbortSignal): Promise<void> {
    if (offer.kind === "elsewhere") throw new UsageError("ERR_INVALID_ARGUMENT", "this service does not register over XMPP");
    const problems = checkAnswers(offer.form, answers).length;
    if (problems > 0) throw new UsageError("ERR_INVALID_ARGUMENT", "answers are missing or wrong", { details: { problems } });
    await this.#iq.request({ type: "set", to: this.#checked(offer.service), payload: encodeRegistration(offer, answers), ...given({ signal }) });
  }

  /**
   * Ends the registration.
   * @throws UsageError `ERR_INVALID_ARGUMENT` for the own server; TransportError `ERR_STANZA_ERROR` (`registration-required`: there was none,
   *   `not-allowed`: not in this way).
   */
  async cancel(service: BareJid, signal?: AbortSignal): Promise<void> {
    await this.#iq.request({ type: "set", to: this.#checked(service), payload: removalRequest(), ...given({ signal }) });
  }

  #checked(service: BareJid): BareJid {
    if (!isOtherService(service, this.#account)) throw new UsageError("ERR_INVALID_ARGUMENT", "not the address of a service other than the own server");
    return service;
  }
}
