/**
 * Where the session layer keeps what: every key of the store that begins with `omemo/`.
 * Devices, sessions and prekeys are separate per OMEMO version (threats T18); identity, trust and owners are shared.
 * @module
 */
import { toHex, utf8 } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import { skippedKeyName, type SkippedKeyRef } from "../../crypto/double-ratchet/skipped-keys.js";
import type { SymmetricCrypto } from "../../crypto/provider.js";
import { keyPart, storeKey, type DeviceAddress, type OmemoNamespace, type StoreKey } from "../ports.js";

// Keys have at most 1,024 characters, addresses up to 2,047 bytes: long ones stand as their hash, marked by a
// character that keyPart never writes.
const plainPartMax = 256;

/** Names the rows of one OMEMO version. */
export class StoreKeys {
  readonly #symmetric: Pick<SymmetricCrypto, "sha256">;
  readonly #version: string;

  constructor(symmetric: Pick<SymmetricCrypto, "sha256">, namespace: OmemoNamespace) {
    this.#symmetric = symmetric;
    this.#version = namespace === "urn:xmpp:omemo:2" ? "omemo/2" : "omemo/1";
  }

  /** Identity and device id: one row per account. */
  ownDevice(): StoreKey {
    return storeKey("omemo/own");
  }

  /** Ids that this store once had. */
  retiredDevices(): StoreKey {
    return storeKey("omemo/retired");
  }

  /** All rows that hold private parts of sessions, but for the devices' own rows. */
  sessionPrefixes(): readonly string[] {
    return [`${this.#version}/archive/`, `${this.#version}/skipped/`];
  }

  ownBundle(): StoreKey {
    return storeKey(`${this.#version}/bundle`);
  }

  preKeyPrefix(): string {
    return `${this.#version}/prekey/`;
  }

  preKey(id: number): StoreKey {
    return storeKey(`${this.preKeyPrefix()}${String(id).padStart(10, "0")}`);
  }

  deviceList(jid: BareJid): StoreKey {
    return storeKey(`${this.#version}/list/${this.#jid(jid)}`);
  }

  /** Where what was done about the account is on record whose device list lies in this row. */
  ownerOfList(list: StoreKey): { readonly owner: StoreKey; readonly trustPrefix: string } {
    const part = list.slice(list.lastIndexOf("/") + 1);
    return { owner: storeKey(`omemo/owner/${part}`), trustPrefix: `omemo/trust/${part}/` };
  }

  /** Which device lists are those of strangers. */
  strangersLists(): StoreKey {
    return storeKey(`${this.#version}/strangers-lists`);
  }

  devicePrefix(jid: BareJid): string {
    return `${this.#version}/device/${this.#jid(jid)}/`;
  }

  /** The same for both OMEMO versions: they share the trust in keys. */
  devicePrefixesOfAllVersions(jid: BareJid): readonly string[] {
    return ["omemo/1", "omemo/2"].map((version) => `${version}/device/${this.#jid(jid)}/`);
  }

  allDevicesPrefix(): string {
    return `${this.#version}/device/`;
  }

  device(address: DeviceAddress): StoreKey {
    return storeKey(`${this.devicePrefix(address.jid)}${String(address.deviceId).padStart(10, "0")}`);
  }

  /** @param device the key of the device's row */
  archivedSession(device: StoreKey, session: number): StoreKey {
    return storeKey(`${this.#version}/archive/${device.slice(this.allDevicesPrefix().length)}/${session}`);
  }

  skippedPrefix(device: StoreKey, session: number): string {
    return `${this.#version}/skipped/${device.slice(this.allDevicesPrefix().length)}/${session}/`;
  }

  skippedKey(device: StoreKey, session: number, ref: SkippedKeyRef): StoreKey {
    return storeKey(`${this.skippedPrefix(device, session)}${skippedKeyName(ref)}`);
  }

  /** How many skipped keys all sessions hold together. */
  skippedTotal(): StoreKey {
    return storeKey(`${this.#version}/skipped-total`);
  }

  trustPrefix(jid: BareJid): string {
    return `omemo/trust/${this.#jid(jid)}/`;
  }

  trust(jid: BareJid, identityKey: Uint8Array): StoreKey {
    return storeKey(`${this.trustPrefix(jid)}${toHex(identityKey)}`);
  }

  /** The account that a key was first seen with, for the key's row in {@link StoreKeys.trust}. */
  holderOfTrust(trust: StoreKey): StoreKey {
    return storeKey(`omemo/holder/${trust.slice(trust.lastIndexOf("/") + 1)}`);
  }

  owner(jid: BareJid): StoreKey {
    return storeKey(`omemo/owner/${this.#jid(jid)}`);
  }

  #jid(jid: BareJid): string {
    const part = keyPart(jid);
    return part.length <= plainPartMax ? part : `~${toHex(this.#symmetric.sha256(utf8(jid)))}`;
  }
}
