/**
 * Authentication, resumption or binding, and stream management in one exchange, where the server offers it.
 * Loaded only when a server does (connection/negotiation.ts), so that applications do not carry it otherwise.
 * Spec: XEP-0388, XEP-0386, XEP-0484, XEP-0198 section 9. Threats N14, N20, Q11, Q12 (resumption ids leave on verified TLS only).
 * Not here: what follows from the outcome (stream/establish.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { parseJid, toBare, type BareJid } from "../../base/jid.js";
import type { Rng } from "../../base/rng.js";
import { childElements, findChild, findChildren, textOf, xml, type XmlElement, type XmlNode } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { bindingRefused, ownAddress } from "../stream/binding.js";
import type { InlineOutcome } from "../stream/session-options.js";
import { enableElement, managementNamespace, resumeElement, type ManagementWish } from "../stream/management.js";
import type { StreamSession } from "../stream/stream-session.js";
import { childText, given } from "../xep/fields.js";
import { authenticate } from "./authenticate.js";
import { clientIdFor } from "./client-id.js";
import { chooseFastMechanism, expectedTokenProof, fastNamespace, issuedToken, requireTokenProof, tokenMessage, tokenRequest, usableToken, type FastMechanism, type FastToken, type FastTokens } from "./fast.js";
import type { MechanismName } from "./mechanism-names.js";
import { chooseMechanism, type MechanismRules } from "./mechanisms.js";
import { receiveSasl, sasl2Namespace, sasl2Profile, type SaslLink } from "./sasl.js";

const bind2Namespace = "urn:xmpp:bind:0";
// Seen by others as part of the address; it must tell nothing about the user (XEP-0386 section 5).
const defaultTag = "sotto";

/** What a login within SASL 2 needs. */
export interface Sasl2Options {
  readonly account: BareJid;
  readonly username: string;
  /** Asked only if no token is used. */
  readonly password: () => Promise<string>;
  readonly rules: MechanismRules;
  /** Kinds of channel binding that the server has announced. */
  readonly bindings: readonly string[] | undefined;
  readonly resource: string | undefined;
  /** A session that may be resumed. */
  readonly session: StreamSession | undefined;
  readonly stream: ManagementWish | undefined;
  readonly tokens: FastTokens | undefined;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly onError: (error: unknown) => void;
}

/** What came out. */
export interface Sasl2Outcome {
  readonly inline: InlineOutcome;
  /** Absent: a token was used. */
  readonly mechanism?: MechanismName;
}

/** What the server lets us settle together with the authentication. */
interface InlineOffer {
  readonly mechanisms: readonly string[];
  readonly bind: boolean;
  readonly enable: boolean;
  readonly resume: boolean;
  readonly fast: readonly string[];
}

/**
 * Logs in.
 * @throws TransportError as `authenticate`, and `ERR_BIND_FAILED`, `ERR_BIND_FOREIGN`
 */
export async function authenticateInline(link: SaslLink, authentication: XmlElement, options: Sasl2Options): Promise<Sasl2Outcome> {
  const { bindings, clock, onError, rng, rules, tokens, username } = options;
  const inline = readOffer(authentication);
  const offer = { mechanisms: inline.mechanisms, bindings, strict: true };
  const fast = tokens === undefined ? undefined : chooseFastMechanism(inline.fast, offer, rules);
  const store = new TokenKeeper(tokens, onError);
  const token = await store.load();
  const clientId = token?.clientId ?? await clientIdFor(options.account, options.resource, rng);
  if (token !== undefined && fast !== undefined && usableToken(token, fast, clock)) {
    const success = await tryToken(link, token, fast, { ...options, clientId, inline }, store);
    if (success !== undefined) return { inline: readOutcome(success, options.account) };
  }
  const mechanism = chooseMechanism(offer, rules);
  const wishes = [...extensions({ ...options, clientId, inline }), ...(fast === undefined ? [] : [tokenRequest(fast)])];
  const success = await authenticate(link, sasl2Profile(wishes), mechanism, { username, password: await options.password() }, rng);
  store.keep(success, fast, clientId);
  return { inline: readOutcome(success, options.account), mechanism: mechanism.name };
}

type Wishes = Pick<Sasl2Options, "resource" | "session" | "stream"> & { readonly clientId: string; readonly inline: InlineOffer };

async function tryToken(link: SaslLink, token: FastToken, fast: FastMechanism, options: Wishes & { readonly username: string }, store: TokenKeeper): Promise<XmlElement | undefined> {
  const profile = sasl2Profile([...extensions(options), xml(fastNamespace, "fast")]);
  try {
    const [message, expected] = await Promise.all([tokenMessage(token, fast, options.username), expectedTokenProof(token, fast)]);
    await link.write(profile.start(fast.name, message));
    const success = await receiveSasl(link, profile, ["success"]);
    requireTokenProof(childText(success, sasl2Namespace, "additional-data") ?? "", expected);
    store.keep(success, fast, token.clientId);
    return success;
  } catch (error) {
    const code = error instanceof TransportError ? error.code : "";
    if (code === "ERR_AUTH_REJECTED" || code === "ERR_AUTH_SERVER") await store.drop();
    // A refused token says nothing about the password; the stream is as it was (XEP-0484 section 5.1).
    if (code === "ERR_AUTH_REJECTED") return undefined;
    throw error;
  }
}

/** The application's store behind a wall: what it throws costs no login. */
class TokenKeeper {
  readonly #tokens: FastTokens | undefined;
  readonly #onError: (error: unknown) => void;

  constructor(tokens: FastTokens | undefined, onError: (error: unknown) => void) {
    this.#tokens = tokens;
    this.#onError = onError;
  }

  load(): Promise<FastToken | undefined> {
    return this.#tolerate(() => this.#tokens?.load());
  }

  /** Nobody waits for it: the server speaks already, and the token before counts until this one is used (XEP-0484, token rotation). */
  keep(success: XmlElement, fast: FastMechanism | undefined, clientId: string): void {
    const issued = fast === undefined ? undefined : issuedToken(success, fast, clientId);
    if (issued !== undefined) void this.#tolerate(() => this.#tokens?.save(issued));
  }

  async drop(): Promise<void> {
    await this.#tolerate(() => this.#tokens?.drop());
  }

  async #tolerate<T>(work: () => Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#onError(error);
      return undefined;
    }
  }
}

function extensions({ clientId, inline, resource, session, stream }: Wishes): readonly XmlNode[] {
  const resume = session !== undefined && inline.resume ? [resumeElement(session)] : [];
  // Where resumption is not possible in here, binding would end it before it was tried.
  const bind = inline.bind && (session === undefined || inline.resume)
    ? [xml(bind2Namespace, "bind", {},
      xml(bind2Namespace, "tag", {}, resource ?? defaultTag),
      inline.enable && stream?.enable !== false ? enableElement(stream) : undefined)]
    : [];
  return [xml(sasl2Namespace, "user-agent", { id: clientId }, xml(sasl2Namespace, "software", {}, "Sotto")), ...resume, ...bind];
}

function readOffer(authentication: XmlElement): InlineOffer {
  const names = (parent: XmlElement | undefined, ns: string): readonly string[] =>
    parent === undefined ? [] : findChildren(parent, ns, "mechanism").map((mechanism) => textOf(mechanism).trim());
  const inline = findChild(authentication, sasl2Namespace, "inline");
  const within = (ns: string, name: string): XmlElement | undefined => (inline === undefined ? undefined : findChild(inline, ns, name));
  const bind = within(bind2Namespace, "bind");
  const features = bind === undefined ? undefined : findChild(bind, bind2Namespace, "inline");
  return {
    mechanisms: names(authentication, sasl2Namespace),
    bind: bind !== undefined,
    enable: features !== undefined && childElements(features).some((feature) => feature.name === "feature" && feature.attrs["var"] === managementNamespace),
    resume: within(managementNamespace, "sm") !== undefined,
    fast: names(within(fastNamespace, "fast"), fastNamespace),
  };
}

function readOutcome(success: XmlElement, account: BareJid): InlineOutcome {
  const address = childText(success, sasl2Namespace, "authorization-identifier") ?? "";
  const jid = parseJid(address);
  // Whoever else we are now, it is not whom the application wanted to be (threats N14).
  if (jid !== undefined && toBare(jid) !== account) throw new TransportError("ERR_BIND_FOREIGN", "the server authenticated us as another account");
  const resumption = findChild(success, managementNamespace, "resumed") ?? findChild(success, managementNamespace, "failed");
  const refused = findChild(success, bind2Namespace, "failed");
  if (refused !== undefined) throw bindingRefused(refused);
  const bound = findChild(success, bind2Namespace, "bound");
  const enabling = bound === undefined ? undefined : findChild(bound, managementNamespace, "enabled") ?? findChild(bound, managementNamespace, "failed");
  return given({ jid: bound === undefined ? undefined : ownAddress(address, account), resumption, enabling });
}
