/**
 * Gateways into other networks: finding them, registering, logging in and out, writing addresses, taking over contacts.
 * Whatever a gateway says is data of a stranger: bounded, cleaned, and acted upon only by a call of the application. Nothing goes to an
 * address that has not said of itself that it is a gateway, and nothing at all to the own server, which would take the end of a
 * registration for the end of the account.
 * Spec: XEP-0100, XEP-0077, XEP-0106. Threats F20, F22, L03, L04.
 * Not here: contacts that are proposed (event `contacts-suggested`), subscription requests (`client.roster`), presence of single contacts.
 * @module
 */
import type { Observable, Unsubscribe } from "../../base/events.js";
import { type BareJid, bareJid, domainOf } from "../../base/jid.js";
import type { Stream } from "../../transport/connection/stream.js";
import { TransportError } from "../../transport/errors.js";
import { isOtherService, RegistrationService } from "../../transport/features/registration.js";
import type { FormAnswers, FormProblem } from "../../transport/xep/xep0004-form.js";
import type { RegistrationOffer } from "../../transport/xep/xep0077.js";
import { decodePrompt, type GatewayPrompt, isUserOf, promptRequest } from "../../transport/xep/xep0100.js";
import { ClientError } from "../errors.js";
import type { StreamPart } from "../stream-part.js";
import { findGateways } from "./find.js";
import { askSelf, type GatewaySelf, isRefusal } from "./self.js";
import { GatewayBook } from "./book.js";
import type { Beyond } from "./from-data.js";
import { importContacts, legacyJid } from "./legacy-contacts.js";
import { legacyNameOf, problemsOf } from "./from-data.js";
import type { CallOptions, Discovery, Gateway, GatewaysDeps, LegacyImportOptions, LegacyImportReport, LegacyContact, UnregisterReport } from "./ports.js";

/** All gateways that are known; the map to render. Made once per client, when the application first asks for it. */
export class Gateways implements Observable<ReadonlyMap<BareJid, Gateway>>, StreamPart {
  readonly #d: GatewaysDeps;
  readonly #registration: RegistrationService;
  readonly #book: GatewayBook;
  readonly #loggedIn = new Set<BareJid>();
  #stop: Unsubscribe | undefined;

  constructor(deps: GatewaysDeps) {
    this.#d = deps;
    this.#registration = new RegistrationService(deps);
    this.#book = new GatewayBook(deps.memory, deps.onError);
  }

  /** The known gateways by their addresses: those of earlier runs too. */
  getSnapshot = (): ReadonlyMap<BareJid, Gateway> => this.#book.all.getSnapshot();

  /** Calls `listener` after each change of the snapshot. */
  subscribe = (listener: () => void): Unsubscribe => this.#book.all.subscribe(listener);

  /** @internal */
  attach(connection: { readonly stream: Pick<Stream, "onStanza">; readonly continued?: boolean }): void {
    this.detach();
    if (connection.continued !== true) this.#loggedIn.clear(); // in another session of the server nobody was shown anything
    this.#book.follow(connection.continued === true ? "continued" : "fresh");
    this.#stop = connection.stream.onStanza((stanza) => { this.#book.seen(stanza); });
  }

  /** @internal */
  detach(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#book.follow("none");
  }

  /**
   * Asks a server, by default the own one, for gateways, and each of its services what it is.
   * @throws TransportError if the server could not be asked, UsageError `ERR_INVALID_JID`, `ERR_ABORTED`
   */
  async discover(options: CallOptions & { readonly server?: string | undefined } = {}): Promise<Discovery> {
    const server = options.server === undefined ? domainOf(this.#d.account) : bareJid(options.server);
    const { said, unanswered } = await findGateways(this.#d.iq, this.#d.account, server, options.signal);
    await this.#book.learn(said);
    return { unanswered, gateways: [...said.keys()].flatMap((jid) => this.getSnapshot().get(jid) ?? []) };
  }

  /**
   * Asks one domain whether it is a gateway.
   * @throws ClientError `ERR_NOT_A_GATEWAY`; TransportError as the request does; UsageError `ERR_INVALID_JID`
   */
  async inspect(gateway: string, options: CallOptions = {}): Promise<Gateway> {
    const { jid } = await this.#ask(gateway, options);
    return this.getSnapshot().get(jid) ?? notAGateway();
  }

  /**
   * What lies beyond an address: asks its domain once per run, unless it is known. `undefined` is no promise: the domain may have been
   * silent, or lie.
   */
  async beyond(jid: string, options: CallOptions = {}): Promise<Beyond | undefined> {
    const address = bareJid(jid);
    const domain = domainOf(address);
    const known = this.#d.memory.beyond(address);
    if (known !== undefined || this.#book.isPlain(domain)) return known;
    try {
      await this.#ask(domain, options);
    } catch (error) {
      if (!isRefusal(error) && !(error instanceof ClientError)) throw error;
    }
    return this.#d.memory.beyond(address);
  }

  /**
   * What the gateway wants to know, and what it has on record but for secrets.
   * @throws as {@link inspect}; TransportError `ERR_STANZA_ERROR` (`service-unavailable`: none), `ERR_STREAM_PROTOCOL` if its form cannot be used
   */
  async registration(gateway: string, options: CallOptions = {}): Promise<RegistrationOffer> {
    const { jid } = await this.#gateway(gateway, options);
    return this.#registration.offer(jid, options.signal);
  }

  /** What would keep {@link register} from sending these answers, field by field. */
  problems(offer: RegistrationOffer, answers: FormAnswers): readonly FormProblem[] {
    return problemsOf(offer, answers);
  }

  /**
   * Registers, or replaces what is on record, at the gateway that has made the offer. The gateway gets the answers in clear text, the password of the
   * other network among them, and so do the servers on the way.
   * @throws as {@link inspect}; UsageError `ERR_INVALID_ARGUMENT` for answers with {@link problems}; TransportError `ERR_STANZA_ERROR`
   *   (`not-acceptable`: refused, `conflict`: taken)
   */
  async register(offer: RegistrationOffer, answers: FormAnswers, options: CallOptions = {}): Promise<void> {
    await this.#gateway(offer.service, options);
    await this.#registration.submit(offer, answers, options.signal);
  }

  /** Puts the gateway itself into the roster and asks for its presence: from then on it logs in by itself whenever we are available. */
  async follow(gateway: string, contact: { readonly name?: string; readonly groups?: readonly string[] } = {}, options: CallOptions = {}): Promise<void> {
    const { jid } = await this.#gateway(gateway, options);
    await this.#d.roster.set(jid, contact, options);
    await this.#d.roster.subscribeTo(jid, options);
  }

  /**
   * Ends the registration. The roster stays as it is, unless `removeContacts` is given: then the gateway and all contacts behind it leave it.
   * The request carries the address of a domain that has just said that it is a gateway; it never goes to the own server.
   * @throws as {@link inspect}; TransportError `ERR_STANZA_ERROR` (`not-allowed`: not in this way). Nothing was removed then.
   */
  async unregister(gateway: string, options: CallOptions & { readonly removeContacts?: boolean | undefined } = {}): Promise<UnregisterReport> {
    const { jid } = await this.#ask(gateway, options);
    const wasRegistered = await this.#registration.cancel(jid, options.signal).then(() => true, (error: unknown) => {
      if (error instanceof TransportError && error.details["condition"] === "registration-required") return false;
      throw error;
    });
    if (this.#loggedIn.delete(jid)) await this.#d.presence.undirect(jid).catch(this.#d.onError);
    const removed: BareJid[] = [];
    const kept: BareJid[] = [];
    let failure: { readonly error?: unknown } = {};
    const { roster } = this.#d;
    for (const contact of options.removeContacts === true ? [...roster.confirmedContacts()].map((each) => each.jid) : []) {
      if (contact !== jid && !isUserOf(contact, jid)) continue;
      try {
        await roster.remove(contact, { signal: options.signal });
        removed.push(contact);
      } catch (error) {
        failure = { error };
        kept.push(contact);
      }
    }
    return { wasRegistered, removed, kept, ...failure };
  }

  /**
   * Shows the gateway, and nobody else, our availability: it logs in to the other network and shows it to the contacts there. Its answer is its
   * {@link Gateway.status}. Lasts until {@link logOut} or the end of the stream.
   */
  async logIn(gateway: string, options: CallOptions = {}): Promise<void> {
    const { jid } = await this.#gateway(gateway, options);
    await this.#d.presence.direct(jid);
    this.#loggedIn.add(jid);
  }

  /** Shows the gateway that we are unavailable: it logs out of the other network. */
  async logOut(gateway: string, options: CallOptions = {}): Promise<void> {
    const { jid } = await this.#gateway(gateway, options);
    this.#loggedIn.delete(jid);
    await this.#d.presence.undirect(jid);
  }

  /**
   * How the gateway asks for the name of a contact; both texts may be missing. `language`: what the user reads (BCP 47).
   * @throws as {@link inspect}; TransportError `ERR_STANZA_ERROR` (`service-unavailable`: it has none)
   */
  async prompt(gateway: string, options: CallOptions & { readonly language?: string | undefined } = {}): Promise<GatewayPrompt> {
    const { jid } = await this.#gateway(gateway, options);
    const answer = await this.#d.iq.request({ type: "get", to: jid, payload: promptRequest(options.language), ...(options.signal === undefined ? {} : { signal: options.signal }) });
    const prompt = decodePrompt(answer);
    if (prompt === undefined) throw new TransportError("ERR_STREAM_PROTOCOL", "the answer is no prompt");
    return prompt;
  }

  /**
   * The address of `name`, as the user knows a contact of the other network; `undefined` if no address can be made of it. Always one of
   * this gateway. Does not touch the roster.
   * @throws as {@link inspect}; TransportError `ERR_STANZA_ERROR` if the gateway refuses the name, `ERR_STREAM_PROTOCOL` if it gives an address of others
   */
  async address(gateway: string, name: string, options: CallOptions = {}): Promise<BareJid | undefined> {
    const { jid, self } = await this.#gateway(gateway, options);
    return legacyJid(this.#d.iq, jid, self, name, options.signal);
  }

  /** How a contact is called in the other network (XEP-0106), cleaned. For display beside the address, never instead of it. */
  legacyName(jid: string): string {
    return legacyNameOf(jid);
  }

  /**
   * Takes contacts of the other network over into the roster: those that the gateway has proposed (event `contacts-suggested`) and the user wants,
   * or names that the user knows. Contacts in the roster stay as they are.
   * @throws as {@link inspect}; what happens later is in the report
   */
  async importContacts(gateway: string, contacts: readonly LegacyContact[], options: LegacyImportOptions = {}): Promise<LegacyImportReport> {
    const { jid, self } = await this.#gateway(gateway, options);
    const { roster, iq } = this.#d;
    return importContacts({ roster, gateway: jid, contacts, how: options, addressOf: (name) => legacyJid(iq, jid, self, name, options.signal) });
  }

  /** The gateway, asked in this run or now. */
  async #gateway(gateway: string, options: CallOptions): Promise<{ readonly jid: BareJid; readonly self: GatewaySelf }> {
    const jid = bareJid(gateway);
    const self = this.#book.self(jid);
    return self === undefined ? this.#ask(gateway, options) : { jid, self };
  }

  async #ask(gateway: string, options: CallOptions): Promise<{ readonly jid: BareJid; readonly self: GatewaySelf }> {
    const jid = bareJid(gateway);
    const self = isOtherService(jid, this.#d.account) ? await askSelf(this.#d.iq, jid, options.signal) : notAGateway();
    await this.#book.learn([[jid, self]]);
    return { jid, self: self ?? notAGateway() };
  }
}

function notAGateway(): never {
  throw new ClientError("ERR_NOT_A_GATEWAY", "the address is not that of a gateway");
}
