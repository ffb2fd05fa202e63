/**
 * What session/ needs from the world. Implementations: storage/ (Store), transport/omemo-directory.ts (DeviceDirectory),
 * transport/xep/xep0420.ts (EnvelopeCodec), crypto/*-provider.ts (CryptoProvider).
 * @module
 */
import type { Brand } from "../base/brand.js";
import type { Bytes } from "../base/bytes.js";
import { InternalError, type SottoError } from "../base/errors.js";
import type { BareJid } from "../base/jid.js";
import type { XmlElement } from "../base/xml.js";

/** Key of a record: printable ASCII without space, so that every adapter sorts alike. At most 1,024 characters. */
export type StoreKey = Brand<string, "StoreKey">;

/** @throws InternalError if the text may not be a key; build it from {@link keyPart}s. */
export function storeKey(text: string): StoreKey {
  if (!/^[!-~]{1,1024}$/.test(text)) throw new InternalError("not a store key");
  return text as StoreKey;
}

/** Any text as a part of a key; injective, and free of "/" so that parts can be joined with it. */
export function keyPart(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** One write of a {@link Store.commit}. */
export type Change =
  | { readonly kind: "put"; readonly key: StoreKey; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: StoreKey };

/** Proof of ownership: changes whenever another writer takes the store over. */
export type Fence = Brand<string, "Fence">;

/** A row of {@link Store.list}. */
export interface StoreRow {
  readonly key: StoreKey;
  readonly value: Bytes;
}

/** Which rows to list. Keys compare as ASCII strings. */
export interface StoreRange {
  /** Only keys that begin with this. */
  readonly prefix: string;
  /** Only keys strictly greater. */
  readonly after?: string;
  /** Only keys strictly smaller. */
  readonly before?: string;
  /** At most this many rows. Default: all. */
  readonly limit?: number;
  /** Descending order. Default ascending; with `limit` the last rows of the range. */
  readonly reverse?: boolean;
}

/**
 * Rows without which a device cannot stay what it is: its keys and sessions, and what it knows about what was sent and received. An
 * adapter that keeps a reserve of space gives it to commits that write one of these (threats D06).
 */
export const vitalPrefixes: readonly string[] = [
  "omemo/",
  "client/account", "client/archive", "client/feed", "client/login", "client/outbox-suspect", "client/rolled-back", "client/store-history",
  "client/stream", "client/witness", "client/written",
];

/** What an adapter knows about the medium under it (threats D06, D07). */
export interface StoreCondition {
  /**
   * Whether the platform has promised not to delete the store by itself. `unknown`: it has not answered yet, or cannot be asked.
   */
  readonly persistence: "granted" | "denied" | "unknown";
  /** True if a store of this name was here before and is gone, so that this one began empty. Nobody can tell if every trace is gone. */
  readonly lost: boolean;
  /** True while there is no room for more than what keeps the device going: see {@link Store.hasRoom}. */
  readonly full: boolean;
  /** Bytes in use and allowed, as the platform tells them: some round, some make the second number up. */
  readonly estimate?: { readonly usage: number; readonly quota: number };
}

/**
 * A durable map with one way to write (docs/architecture.md, The commit rule). Values are copied on the way in and out.
 * Adapters pass the suite in testing/store-contract.ts.
 */
export interface Store {
  /**
   * Becomes the only writer: every later commit with an older fence fails. Opens the store where needed.
   * @param confirm asked after a look at who the newest writer is. The store is taken over only if the answer is yes and nobody has taken it over
   *   since that look: whoever has lost the right to, and is about to learn it, changes nothing (threats D10)
   * @throws StorageError `ERR_STORE_FENCED` if that is not so
   */
  acquire(confirm?: () => Promise<boolean>): Promise<Fence>;
  /** Whether `fence` is still the newest; asked before bytes leave for the network. */
  owns(fence: Fence): Promise<boolean>;
  /** The value of `key`; `undefined` if there is none. */
  get(key: StoreKey): Promise<Bytes | undefined>;
  /** Results in the order of `keys`; one consistent read. */
  getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]>;
  /** The rows of `range`, in order; one consistent read. */
  list(range: StoreRange): Promise<readonly StoreRow[]>;
  /**
   * Applies all changes in order, or none; durable when it resolves.
   * @throws StorageError `ERR_STORE_FENCED` if another writer has taken over, `ERR_STORE_FULL`, `ERR_STORE_FAILED`.
   */
  commit(changes: readonly Change[], fence: Fence): Promise<void>;
  /**
   * A name for the unbroken line of commits that this store stands on. It changes when the adapter finds, on opening, that something
   * it had acknowledged is no longer there, and stays the same otherwise, whoever asks. Whoever keeps the name in a row and finds
   * another one here works on rows that may be older than they were (threats R21, D11). Adapters that cannot tell leave it out.
   */
  history?(): Promise<string>;
  /**
   * What is known about the medium; after `acquire`. Having answered counts as having told of a loss. `later` is called with each change,
   * as long as the store is open. Adapters on media that neither delete nor limit by themselves leave it out.
   */
  condition?(later?: (condition: StoreCondition) => void): Promise<StoreCondition>;
  /**
   * Whether there is room for more than what keeps the device going. Asked before new work of the application is accepted, which shall
   * not use up what receiving needs. Adapters without a reserve leave it out.
   */
  hasRoom?(): Promise<boolean>;
  /**
   * Calls `listener`, once, when the medium ends under this open handle: deleted, or upgraded by somebody else. Every call fails from then
   * on, with that error. Not called for close() and destroy() of this handle. Adapters that learn of it only by failing leave it out.
   */
  onEnd?(listener: (error: SottoError) => void): void;
  /** Frees the handles; idempotent. Later calls fail with `ERR_STORE_CLOSED`. */
  close(): Promise<void>;
  /** Wipes everything the adapter ever wrote, and closes. */
  destroy(): Promise<void>;
}

/** A device id: 1 … 2^31 - 1 (XEP-0384 #usecases-setup). */
export type DeviceId = Brand<number, "DeviceId">;

/** Checked constructor of {@link DeviceId}; `undefined` if the number may not be one. */
export function parseDeviceId(value: number): DeviceId | undefined {
  return Number.isInteger(value) && value >= 1 && value <= 0x7fff_ffff ? (value as DeviceId) : undefined;
}

/** One device of one account. */
export interface DeviceAddress {
  readonly jid: BareJid;
  readonly deviceId: DeviceId;
}

/** The two deployed OMEMO versions. */
export type OmemoNamespace = "urn:xmpp:omemo:2" | "eu.siacs.conversations.axolotl";

/** An entry of a device list. */
export interface ListedDevice {
  readonly id: DeviceId;
  /** Free text of the device's owner; shown only after its signature was checked (device-label.ts). */
  readonly label?: string;
  /** 64 bytes, over the UTF-8 of `label`. */
  readonly labelSignature?: Bytes;
}

/** A bundle as it stands on the wire, decoded but not yet verified. Keys in their wire form. */
export interface WireBundle {
  /** omemo:2: 32 bytes Ed25519; legacy: 33 bytes `05 ‖ u`. */
  readonly identityKey: Bytes;
  readonly signedPreKeyId: number;
  readonly signedPreKey: Bytes;
  readonly signedPreKeySignature: Bytes;
  readonly preKeys: readonly { readonly id: number; readonly key: Bytes }[];
}

/** What the server said about a device list or bundle. An error is not an empty answer (docs/protocol.md 4.3). */
export type DirectoryAnswer<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "none" } // item-not-found, empty node
  | { readonly kind: "malformed" } // an answer that we refuse to read
  | { readonly kind: "unavailable"; readonly retryable: boolean }; // forbidden, timeout, offline

/** Where devices publish their lists and bundles: PEP in production, a Map in tests. */
export interface DeviceDirectory {
  /** The devices that `jid` has published. */
  fetchDeviceList(jid: BareJid, namespace: OmemoNamespace, signal?: AbortSignal): Promise<DirectoryAnswer<readonly ListedDevice[]>>;
  /** Bulk: one answer per device, in the order asked. */
  fetchBundles(jid: BareJid, devices: readonly DeviceId[], namespace: OmemoNamespace, signal?: AbortSignal): Promise<readonly DirectoryAnswer<WireBundle>[]>;
  /** @throws an error of the implementation if the server did not accept it. */
  publishDeviceList(devices: readonly ListedDevice[], namespace: OmemoNamespace, signal?: AbortSignal): Promise<void>;
  /** @throws an error of the implementation if the server did not accept it. */
  publishBundle(device: DeviceId, bundle: WireBundle, namespace: OmemoNamespace, signal?: AbortSignal): Promise<void>;
}

/** A decoded SCE envelope (XEP-0420 section 3): what is inside the encryption. */
export interface SceEnvelope {
  readonly content: readonly XmlElement[];
  /** Random padding; undefined when the sender left it out (accepted). */
  readonly rpad?: string;
  /** As written, not yet compared with anybody. */
  readonly from?: string;
  readonly to?: string;
  /** XEP-0082 DateTime, as written. */
  readonly time?: string;
}

/** Reads and writes the XML of an envelope; the parser has the limits of the stream parser. */
export interface EnvelopeCodec {
  /** The envelope as UTF-8. */
  encode(envelope: SceEnvelope): Bytes;
  /** `undefined` if the bytes are not one well-formed envelope (threats E07). */
  decode(bytes: Uint8Array): SceEnvelope | undefined;
}
