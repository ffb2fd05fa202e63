/**
 * The shape of the session transcripts in test/vectors, as far as the replay reads them.
 * @module
 */
import { fromHex, type Bytes } from "../../src/base/bytes.js";
import { invariant } from "../../src/base/errors.js";

export interface VectorKey { readonly id: number; readonly priv: string; readonly pub: string; readonly initial: boolean }

export interface VectorDevice {
  readonly deviceId: number;
  readonly identity: { readonly priv: string; readonly curvePub: string; readonly wire: string };
  readonly signedPreKeys: readonly VectorKey[];
  readonly preKeys: readonly VectorKey[];
  readonly opaque?: boolean;
}

export interface VectorState {
  readonly rootKey: string;
  readonly ownRatchetPriv: string;
  readonly remoteRatchetPub: string | null;
  readonly sendChainKey: string | null;
  readonly sendCount: number;
  readonly recvChainKey: string | null;
  readonly recvCount: number;
  readonly previousSendCount: number;
}

export interface SendEvent {
  readonly type: "send";
  readonly msg: string;
  readonly from: string;
  readonly to: string;
  readonly session: string;
  readonly startsSession: boolean;
  readonly wire: string;
  readonly kex: boolean;
  readonly header: { readonly n: number; readonly pn: number; readonly dhPub: string };
  readonly content: {
    readonly kind: string;
    readonly ratchetPlaintext: string;
    readonly contentKey?: string;
    readonly payload?: string;
    readonly plaintext?: string;
    readonly iv?: string;
  };
  readonly inject?: {
    readonly ephemeralPriv: string;
    readonly ratchetPriv: string;
    readonly preKeyId: number;
    readonly signedPreKeyId: number;
  };
  readonly x3dh?: { readonly sharedSecret: string };
  readonly senderState?: VectorState;
  readonly opaque?: boolean;
}

export interface DeliverEvent {
  readonly type: "deliver";
  readonly msg: string;
  readonly to: string;
  readonly wire?: string;
  readonly expect: "ok" | "reject";
  readonly reason?: string;
  readonly note?: string;
  readonly policy?: string;
  readonly session?: string;
  readonly via?: "new" | "existing" | "archived";
  readonly ratchetPlaintext?: string;
  readonly generatedRatchetPriv?: string;
  readonly usedPreKeyId?: number;
  readonly preKeyDeleted?: boolean;
  readonly receiverState?: VectorState;
  readonly opaqueReceiver?: boolean;
}

export type VectorEvent =
  | SendEvent
  | DeliverEvent
  | { readonly type: "burn"; readonly from: string; readonly session: string; readonly count: number }
  | { readonly type: "loseSessions"; readonly device: string }
  | { readonly type: "rotateSignedPreKey"; readonly device: string; readonly newId: number }
  | { readonly type: "addPreKeys"; readonly device: string; readonly ids: readonly number[] }
  | { readonly type: "catchUpBegins"; readonly device: string }
  | { readonly type: "catchUpEnds"; readonly device: string; readonly deletePreKeys: readonly number[] };

/** One scenario of a transcript file. */
export interface Scenario {
  readonly name: string;
  readonly devices: Readonly<Record<string, VectorDevice>>;
  readonly events: readonly VectorEvent[];
}

/** The `scenarios` of an imported file. */
export function scenariosOf(file: unknown): readonly Scenario[] {
  return (file as { readonly scenarios: readonly Scenario[] }).scenarios;
}

/** Hexadecimal of a transcript. */
export function hex(digits: string): Bytes {
  const bytes = fromHex(digits);
  invariant(bytes !== undefined, "a vector in hexadecimal");
  return bytes;
}

/** Private half of the key with this id. */
export function privateOf(keys: readonly VectorKey[], id: number): string {
  return keyOf(keys, id).priv;
}

/** Public half of the key with this id. */
export function publicOf(keys: readonly VectorKey[], id: number): string {
  return keyOf(keys, id).pub;
}

function keyOf(keys: readonly VectorKey[], id: number): VectorKey {
  const key = keys.find((k) => k.id === id);
  invariant(key !== undefined, "a key of the scenario");
  return key;
}
