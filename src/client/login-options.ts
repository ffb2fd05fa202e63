/**
 * Who logs in, and where: the options that every way of opening a client checks where it is called, also in a tab or page whose client works
 * elsewhere. So nothing of a client is imported here.
 * Not here: the other options and their defaults (options.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import { type BareJid, domainOf, isFullJid, localOf, parseJid } from "../base/jid.js";

/**
 * The password, or a function that is asked at each login and may take its time; `signal` aborts when nobody waits for it any more. A
 * function that throws, or gives nothing that can be a password, ends in status `stopped` with `ERR_AUTH_PASSWORD_SOURCE`.
 */
export type PasswordSource = string | ((request: { readonly signal: AbortSignal }) => string | Promise<string>);

/** Who logs in, and where. */
export interface LoginOptions {
  /** The account: `romeo@example.org`. */
  readonly account: string;
  /** The account's password, not empty and without control characters: cut off the line's end of a file. */
  readonly password: PasswordSource;
  /**
   * Where to connect: `xmpps://host[:port]` (TLS from the first byte), `xmpp://host[:port]` (STARTTLS, required) or
   * `wss://host/path`. TCP certificates must prove the domain of the account, WebSocket ones the host of the URL.
   * Several are tried in order, each round anew. Ports default to 5223 and 5222. SRV records are not looked up here: `discoverHosts` of
   * `sotto/transport/node` does that, `discoverService` finds WebSocket addresses (XEP-0156).
   */
  readonly service: string | readonly string[];
  /** Extra certificate authorities, PEM. Node only; browsers use their own. There is no switch that turns checks off. */
  readonly tls?: { readonly ca?: string | undefined } | undefined;
}

/** {@link LoginOptions} after the check. */
export interface CheckedLogin {
  readonly account: BareJid;
  readonly password: PasswordSource;
  readonly services: readonly string[];
  readonly ca: string | undefined;
}

/** @throws UsageError naming the option that is wrong. */
export function checkLogin(options: LoginOptions): CheckedLogin {
  // Applications in JavaScript hand in anything.
  const given: unknown = options;
  if (typeof given !== "object" || given === null) throw new UsageError("ERR_INVALID_ARGUMENT", "createClient needs options");
  const account = parseJid(options.account);
  if (account === undefined || isFullJid(account) || localOf(account) === undefined) {
    throw new UsageError("ERR_INVALID_JID", "account must be a bare address such as romeo@example.org");
  }
  const password = checkPassword(options);
  const ca: unknown = options.tls?.ca;
  if (ca !== undefined && (typeof ca !== "string" || !ca.includes("-----BEGIN CERTIFICATE-----"))) {
    throw new UsageError("ERR_INVALID_ARGUMENT", "tls.ca must be the text of a PEM file, not its path or its bytes");
  }
  return { account, password, services: checkServices(options.service, domainOf(account)), ca };
}

/** @throws UsageError `ERR_INVALID_ARGUMENT` */
export function checkPassword(credentials: { readonly password?: PasswordSource } | undefined): PasswordSource {
  const password = credentials?.password;
  if (typeof password === "function" || (typeof password === "string" && password !== "")) return password;
  throw new UsageError("ERR_INVALID_ARGUMENT", "password must be a string that is not empty, or a function");
}

function checkServices(service: unknown, domain: string): readonly string[] {
  const services: readonly unknown[] = Array.isArray(service) ? service : [service];
  if (services.length === 0 || !services.every(isService)) {
    throw new UsageError("ERR_INVALID_ARGUMENT", `service must be an address such as xmpps://${domain}`);
  }
  return services;
}

const isService = (service: unknown): service is string => typeof service === "string" && /^(xmpps?|wss?):\/\/[^\s]+$/.test(service);
