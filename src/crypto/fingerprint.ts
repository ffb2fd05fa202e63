/**
 * Fingerprints: how people and QR codes name an identity key.
 * Spec: XEP-0384 v0.9 #usecases-trust; the `xmpp:` URI of RFC 5122 with `omemo-sid-<device id>` as its query.
 * Of the X25519 form in both OMEMO versions, as nearly all clients show it. The sign bit of the Ed25519 form is not in it,
 * so trust is stored under the identity key, never under the fingerprint alone (threats C04).
 * @module
 */
import { toHex } from "../base/bytes.js";
import { parseBareJid, type BareJid } from "../base/jid.js";
import { deviceListEntriesMax } from "../base/limits.js";
import { Recent } from "../base/recent.js";
import { toCurve, type IdentityKey } from "./identity-key.js";

const devicePrefix = "omemo-sid-";
// An address of 2 * 1023 bytes, each as %XX, and the largest device list that is looked at.
const uriLengthMax = 8 * 1024 + deviceListEntriesMax * 96;

/** Fingerprints that are remembered: each costs an inversion in the field, and every message sent names those of its devices. */
const rememberedMax = 1_000;
const remembered = new Recent<string>(rememberedMax);

/** 64 lower-case hex digits of the X25519 form. */
export function fingerprint(identity: IdentityKey): string {
  return remembered.get(toHex(identity), () => toHex(toCurve(identity)));
}

/** For the eye: 8 groups of 8 digits, one space between them. */
export function formatFingerprint(digits: string): string {
  return (digits.match(/.{1,8}/g) ?? []).join(" ");
}

/** A device as a URI names it. */
export interface FingerprintEntry {
  /** 1 … 2^31 - 1. */
  readonly deviceId: number;
  /** 64 lower-case hex digits. */
  readonly fingerprint: string;
}

/** What a fingerprint URI says. */
export interface FingerprintUri {
  readonly jid: BareJid;
  readonly devices: readonly FingerprintEntry[];
}

/** `xmpp:user@host?omemo-sid-<id>=<digits>;…`, for a link or a QR code. */
export function formatFingerprintUri(uri: FingerprintUri): string {
  const path = encodeURIComponent(uri.jid).replace(/%40/g, "@").replace(/%5B/g, "[").replace(/%5D/g, "]").replace(/%3A/g, ":");
  return `xmpp:${path}?${uri.devices.map((d) => `${devicePrefix}${d.deviceId}=${d.fingerprint}`).join(";")}`;
}

function decodePath(path: string): BareJid | undefined {
  try {
    return parseBareJid(decodeURIComponent(path));
  } catch (error) {
    if (error instanceof URIError) return undefined; // a broken percent escape
    throw error;
  }
}

function readEntry(part: string): FingerprintEntry | undefined {
  const match = /^omemo-sid-([1-9][0-9]{0,9})=([0-9a-fA-F]{64})$/.exec(part);
  const deviceId = Number(match?.[1]);
  if (match?.[2] === undefined || deviceId > 0x7fff_ffff) return undefined;
  return { deviceId, fingerprint: match[2].toLowerCase() };
}

/**
 * Reads a scanned or pasted URI. Devices may be separated by `;` or `&`; other parts of the query are passed over.
 * `undefined` if it is not such a URI, names no device, has one malformed entry, or two keys for one device: a code
 * that is read for verification is right as a whole or not at all.
 */
export function parseFingerprintUri(text: string): FingerprintUri | undefined {
  if (text.length > uriLengthMax || !/^xmpp:/i.test(text)) return undefined;
  const withoutFragment = text.slice("xmpp:".length).replace(/#.*$/s, "");
  const question = withoutFragment.indexOf("?");
  if (question < 0) return undefined;
  const jid = decodePath(withoutFragment.slice(0, question));
  if (jid === undefined) return undefined;
  const devices = new Map<number, FingerprintEntry>();
  for (const part of withoutFragment.slice(question + 1).split(/[;&]/)) {
    if (!part.startsWith(devicePrefix)) continue;
    const entry = readEntry(part);
    if (entry === undefined) return undefined;
    const known = devices.get(entry.deviceId);
    if (known !== undefined && known.fingerprint !== entry.fingerprint) return undefined;
    devices.set(entry.deviceId, entry);
  }
  return devices.size === 0 ? undefined : { jid, devices: [...devices.values()] };
}
