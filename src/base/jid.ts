/**
 * XMPP addresses, prepared once at the edge and compared as prepared strings everywhere (threats F21, P16).
 * Spec: RFC 7622. Localpart: case-mapped, NFC, width-mapped by NFKC where that changes width forms only; domain: lower case, no trailing dot.
 * Not here: full PRECIS tables and IDNA; characters outside the allowed classes that need those tables are passed on.
 * @module
 */
import type { Brand } from "./brand.js";
import { UsageError } from "./errors.js";

/** `local@domain` or `domain`, prepared. */
export type BareJid = Brand<string, "BareJid">;
/** `local@domain/resource`, prepared. */
export type FullJid = Brand<string, "FullJid">;
/** Either form, prepared. */
export type Jid = BareJid | FullJid;

const partBytesMax = 1023; // RFC 7622 section 3.1
// RFC 7622 section 3.3.1: " & ' / : < > @ and white space or controls may not stand in a localpart.
const localForbidden = /["&'/:<>@\s\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]/u;
const domainForbidden = /["&'/:<>@\s\\^`{|}\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]/u;
const resourceForbidden = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufff0-\uffff]/u;
const loneSurrogate = /\p{Surrogate}/u;
const ipv6 = /^\[[0-9a-fA-F:.]{2,45}\]$/;

const byteLength = (text: string): number => new TextEncoder().encode(text).length;

interface JidParts {
  readonly local: string | undefined;
  readonly domain: string;
  readonly resource: string | undefined;
}

function prepareLocal(raw: string): string | undefined {
  const local = raw.normalize("NFKC").toLowerCase().normalize("NFC");
  if (local === "" || localForbidden.test(local) || byteLength(local) > partBytesMax) return undefined;
  return local;
}

function prepareDomain(raw: string): string | undefined {
  if (ipv6.test(raw)) return raw.toLowerCase();
  const domain = raw.normalize("NFKC").toLowerCase().normalize("NFC").replace(/\.$/, "");
  if (domainForbidden.test(domain) || byteLength(domain) > partBytesMax) return undefined;
  return domain.split(".").includes("") ? undefined : domain; // nor is it empty
}

function prepareResource(raw: string): string | undefined {
  const resource = raw.normalize("NFC");
  if (resource === "" || resourceForbidden.test(resource) || byteLength(resource) > partBytesMax) return undefined;
  return resource;
}

function split(text: string): JidParts | undefined {
  if (text.length > 3 * partBytesMax + 2 || loneSurrogate.test(text)) return undefined;
  const slash = text.indexOf("/");
  const bare = slash < 0 ? text : text.slice(0, slash);
  const at = bare.indexOf("@");
  const local = at < 0 ? undefined : prepareLocal(bare.slice(0, at));
  const domain = prepareDomain(bare.slice(at + 1));
  const resource = slash < 0 ? undefined : prepareResource(text.slice(slash + 1));
  if (domain === undefined || (at >= 0 && local === undefined) || (slash >= 0 && resource === undefined)) return undefined;
  return { local, domain, resource };
}

// What preparation leaves as it is: most addresses, and rosters and pages of the archive have thousands of them.
const plain = /^[a-z0-9._-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,15}(?:\/[!-~]{1,256})?$/;

/** Prepares an address from outside; `undefined` if it is malformed. */
export function parseJid(text: string): Jid | undefined {
  if (typeof (text as unknown) !== "string") return undefined; // applications in JavaScript hand in anything
  if (plain.test(text)) return text as Jid;
  const parts = split(text);
  if (parts === undefined) return undefined;
  const bare = parts.local === undefined ? parts.domain : `${parts.local}@${parts.domain}`;
  return (parts.resource === undefined ? bare : `${bare}/${parts.resource}`) as Jid;
}

/** The bare form of a prepared address. */
export function toBare(jid: Jid): BareJid {
  const slash = jid.indexOf("/");
  return (slash < 0 ? jid : jid.slice(0, slash)) as BareJid;
}

/** Prepares an address from outside and drops its resource; `undefined` if it is malformed. */
export function parseBareJid(text: string): BareJid | undefined {
  const jid = parseJid(text);
  return jid === undefined ? undefined : toBare(jid);
}

/** The domain of a prepared address. */
export function domainOf(jid: Jid): BareJid {
  const bare = toBare(jid);
  return bare.slice(bare.indexOf("@") + 1) as BareJid;
}

/** The localpart of a prepared address, if it has one. */
export function localOf(jid: Jid): string | undefined {
  const at = toBare(jid).indexOf("@");
  return at < 0 ? undefined : jid.slice(0, at);
}

/** The resource of a prepared address, if it has one. */
export function resourceOf(jid: Jid): string | undefined {
  const slash = jid.indexOf("/");
  return slash < 0 ? undefined : jid.slice(slash + 1);
}

/** True if the address has a resource. */
export function isFullJid(jid: Jid): jid is FullJid {
  return jid.includes("/");
}

/**
 * An address from the application.
 * @throws UsageError `ERR_INVALID_JID` if it is malformed or has a resource.
 */
export function bareJid(text: string): BareJid {
  const jid = parseJid(text);
  if (jid === undefined || isFullJid(jid)) throw new UsageError("ERR_INVALID_JID", "not a bare XMPP address");
  return jid;
}
