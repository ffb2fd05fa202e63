/**
 * What this device stores of itself: identity, signed prekeys, one-time prekeys.
 * Private keys stand in these rows; sealing them at rest is the store's matter.
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import type { PublicKey } from "../../crypto/keys.js";
import type { DeviceId, StoreKey } from "../ports.js";
import { readDeviceId, readRecord, RecordWriter } from "./fields.js";

const version = 1;
const preKeyVersion = 2;

/** Who we are. */
export interface OwnDeviceRecord {
  readonly account: BareJid;
  readonly deviceId: DeviceId;
  /** Ed25519 seed, 32 bytes: the identity follows from it. */
  readonly seed: Bytes;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** True once our id was in a published device list: from then on it never changes by itself. */
  readonly announced: boolean;
}

/** The row of the own device. */
export function encodeOwnDevice(record: OwnDeviceRecord): Bytes {
  return new RecordWriter(version)
    .text(record.account).uint(4, record.deviceId).fixed(record.seed, 32).uint(6, record.createdAt).flag(record.announced)
    .finish();
}

/** @throws SessionError `ERR_RECORD_INVALID` */
export function decodeOwnDevice(row: Uint8Array): OwnDeviceRecord {
  return readRecord(row, version, (reader) => {
    const account = reader.text() as BareJid; // written from a BareJid
    return { account, deviceId: readDeviceId(reader), seed: reader.fixed(32), createdAt: reader.uint(6), announced: reader.flag() };
  });
}

/** The row of ids that this store once had. */
export function encodeDeviceIds(ids: readonly DeviceId[]): Bytes {
  const writer = new RecordWriter(version);
  return writer.list(ids, (id) => { writer.uint(4, id); }).finish();
}

/** @throws SessionError `ERR_RECORD_INVALID` */
export function decodeDeviceIds(row: Uint8Array): readonly DeviceId[] {
  return readRecord(row, version, (reader) => reader.list(() => readDeviceId(reader)));
}

/** One of our signed prekeys. */
export interface SignedPreKeyRecord {
  readonly id: number;
  readonly privateKey: Bytes;
  readonly publicKey: PublicKey;
  /** 64 bytes, over the wire form of the public key. */
  readonly signature: Bytes;
  readonly createdAt: number;
}

/** Everything of our bundle but the one-time prekeys, which are rows of their own. */
export interface OwnBundleRecord {
  readonly current: SignedPreKeyRecord;
  /** Kept for one more rotation period (threats R23). */
  readonly previous: SignedPreKeyRecord | undefined;
  /** Ids only grow (docs/protocol.md 1.5). */
  readonly nextSignedPreKeyId: number;
  readonly nextPreKeyId: number;
  /** Grows with every change of what the bundle shows. */
  readonly revision: number;
  /** The revision that the server has; 0 before the first publication. */
  readonly publishedRevision: number;
}

/** The row of the own bundle. */
export function encodeOwnBundle(record: OwnBundleRecord): Bytes {
  const writer = new RecordWriter(version);
  const signed = (key: SignedPreKeyRecord): void => {
    writer.uint(4, key.id).fixed(key.privateKey, 32).fixed(key.publicKey, 32).fixed(key.signature, 64).uint(6, key.createdAt);
  };
  signed(record.current);
  return writer
    .optional(record.previous, signed)
    .uint(4, record.nextSignedPreKeyId).uint(4, record.nextPreKeyId).uint(6, record.revision).uint(6, record.publishedRevision)
    .finish();
}

/** @throws SessionError `ERR_RECORD_INVALID` */
export function decodeOwnBundle(row: Uint8Array): OwnBundleRecord {
  return readRecord(row, version, (reader) => {
    const signed = (): SignedPreKeyRecord => ({
      id: reader.uint(4),
      privateKey: reader.fixed(32),
      publicKey: reader.fixed(32) as PublicKey, // our own, validated when it was made
      signature: reader.fixed(64),
      createdAt: reader.uint(6),
    });
    return {
      current: signed(),
      previous: reader.optional(signed),
      nextSignedPreKeyId: reader.uint(4),
      nextPreKeyId: reader.uint(4),
      revision: reader.uint(6),
      publishedRevision: reader.uint(6),
    };
  });
}

/** A key exchange that used a prekey. */
export interface PreKeyUse {
  /** 32 bytes. */
  readonly ephemeralKey: Bytes;
  /** Row of the device that it came from. */
  readonly device: StoreKey;
}

/** One of our one-time prekeys; its id is in the key of the row. */
export interface PreKeyRecord {
  readonly id: number;
  readonly privateKey: Bytes;
  readonly publicKey: PublicKey;
  /** True once a key exchange used it: no longer in the bundle, deleted when catch-up is complete (docs/protocol.md 5.4). */
  readonly used: boolean;
  /** What is not to be taken for new again, even if its session is gone (threats R04). At most `exchangesPerPreKeyMax`. */
  readonly uses: readonly PreKeyUse[];
}

/** The row of one one-time prekey. */
export function encodePreKey(record: PreKeyRecord): Bytes {
  const writer = new RecordWriter(preKeyVersion)
    .uint(4, record.id).fixed(record.privateKey, 32).fixed(record.publicKey, 32).flag(record.used);
  return writer.list(record.uses, (use) => { writer.fixed(use.ephemeralKey, 32).text(use.device); }).finish();
}

/** @throws SessionError `ERR_RECORD_INVALID` */
export function decodePreKey(row: Uint8Array): PreKeyRecord {
  return readRecord(row, preKeyVersion, (reader) => ({
    id: reader.uint(4),
    privateKey: reader.fixed(32),
    publicKey: reader.fixed(32) as PublicKey, // our own, validated when it was made
    used: reader.flag(),
    uses: reader.list((): PreKeyUse => ({ ephemeralKey: reader.fixed(32), device: reader.text() as StoreKey })), // written from a StoreKey
  }));
}
