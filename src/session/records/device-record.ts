/**
 * One remote device: its identity key, the session we send on, and the numbers of the archived ones. The current session
 * lies in this row, so that a fan-out is one read; archived sessions and skipped message keys are rows of their own.
 * Spec: docs/protocol.md 2.5, 2.7.
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import { decodeRatchet, encodeRatchet } from "../../crypto/double-ratchet/snapshot.js";
import type { RatchetState } from "../../crypto/double-ratchet/state.js";
import type { IdentityKey } from "../../crypto/identity-key.js";
import { readRecord, RecordWriter, type RecordReader } from "./fields.js";

const version = 1;

/** The key exchange that began a session. The initiator's identity is in the ratchet state. */
export interface ExchangeRecord {
  readonly preKeyId: number;
  readonly signedPreKeyId: number;
  /** 32 bytes. */
  readonly ephemeralKey: Bytes;
}

/** One session with one device. */
export interface SessionRecord {
  /** Unique for the device; grows. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly ratchet: RatchetState;
  readonly exchange: ExchangeRecord;
  /** False until something was decrypted in a session that we began; every message repeats the exchange (docs/protocol.md 2.5). */
  readonly confirmed: boolean;
  /** The peer's ratchet key for which something was sent late enough to count as its heartbeat (XEP-0384 #rules: once per key). */
  readonly heartbeatFor: Bytes | undefined;
}

/** An archived session, in the order of archiving. */
export interface ArchivedEntry {
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly archivedAt: number;
}

/** A device, in the row of its address. */
export interface DeviceRecord {
  /** Ed25519 form, 32 bytes. The key that our sessions with it stand on. */
  readonly identityKey: IdentityKey;
  /** Another key that appeared under this device id and waits for a decision (threats R05, T07). */
  readonly offeredKey: IdentityKey | undefined;
  readonly nextSession: number;
  readonly current: SessionRecord | undefined;
  /** Newest first. */
  readonly archived: readonly ArchivedEntry[];
}

/** All keys on record for a device. */
export const keysOf = (device: DeviceRecord | undefined): readonly IdentityKey[] =>
  [device?.identityKey, device?.offeredKey].filter((key) => key !== undefined);

/** A session as a row of its own, and as a part of {@link encodeDevice}. */
export function encodeSession(session: SessionRecord): Bytes {
  const writer = new RecordWriter(version)
    .uint(4, session.number).uint(6, session.createdAt).bytes(encodeRatchet(session.ratchet))
    .uint(4, session.exchange.preKeyId).uint(4, session.exchange.signedPreKeyId).fixed(session.exchange.ephemeralKey, 32)
    .flag(session.confirmed);
  return writer.optional(session.heartbeatFor, (key) => { writer.fixed(key, 32); }).finish();
}

/** @throws SessionError `ERR_RECORD_INVALID`; CryptoError `ERR_SNAPSHOT_INVALID` */
export function decodeSession(row: Uint8Array): SessionRecord {
  return readRecord(row, version, (reader) => ({
    number: reader.uint(4),
    createdAt: reader.uint(6),
    ratchet: decodeRatchet(reader.bytes()),
    exchange: { preKeyId: reader.uint(4), signedPreKeyId: reader.uint(4), ephemeralKey: reader.fixed(32) },
    confirmed: reader.flag(),
    heartbeatFor: reader.optional(() => reader.fixed(32)),
  }));
}

/** The row of a device, its current session included. */
export function encodeDevice(device: DeviceRecord): Bytes {
  const writer = new RecordWriter(version).fixed(device.identityKey, 32);
  return writer
    .optional(device.offeredKey, (key) => { writer.fixed(key, 32); })
    .uint(4, device.nextSession)
    .optional(device.current, (session) => { writer.bytes(encodeSession(session)); })
    .list(device.archived, (entry) => { writer.uint(4, entry.number).uint(6, entry.archivedAt); })
    .finish();
}

/** @throws SessionError `ERR_RECORD_INVALID`; CryptoError `ERR_SNAPSHOT_INVALID` */
export function decodeDevice(row: Uint8Array): DeviceRecord {
  return readRecord(row, version, (reader: RecordReader) => ({
    identityKey: reader.fixed(32) as IdentityKey, // both were validated when they were first written
    offeredKey: reader.optional(() => reader.fixed(32) as IdentityKey),
    nextSession: reader.uint(4),
    current: reader.optional(() => decodeSession(reader.bytes())),
    archived: reader.list(() => ({ number: reader.uint(4), archivedAt: reader.uint(6) })),
  }));
}
