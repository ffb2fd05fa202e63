/**
 * Two ratchet states that talk to each other, without devices and stanzas around them.
 * @module
 */
import { copyBytes, type Bytes } from "../../src/base/bytes.js";
import { invariant } from "../../src/base/errors.js";
import type { Rng } from "../../src/base/rng.js";
import { decodeSkippedKey, encodeSkippedKey } from "../../src/crypto/double-ratchet/skipped-keys.js";
import { decodeRatchet, encodeRatchet } from "../../src/crypto/double-ratchet/snapshot.js";
import { acceptRatchet, initiateRatchet, type RatchetState } from "../../src/crypto/double-ratchet/state.js";
import {
  needsFreshRatchet,
  ratchetDecrypt,
  ratchetEncrypt,
  receivingAgreement,
  sendingAgreement,
  type Decrypted,
} from "../../src/crypto/double-ratchet/step.js";
import type { RatchetMessage } from "../../src/crypto/double-ratchet/suite.js";
import { clamp, publicKey, type KeyPair } from "../../src/crypto/keys.js";
import type { CryptoProvider } from "../../src/crypto/provider.js";
import type { OmemoProfile } from "../../src/session/profile.js";
import { SkippedKeyMap } from "./skipped-key-map.js";

/** One end of a session. All curve work is synchronous, so it needs noble or Node. */
export class Party {
  readonly #provider: CryptoProvider;
  readonly #profile: OmemoProfile;
  readonly #rng: Rng;
  state: RatchetState;
  skipped: SkippedKeyMap = new SkippedKeyMap();

  constructor(provider: CryptoProvider, profile: OmemoProfile, rng: Rng, state: RatchetState) {
    this.#provider = provider;
    this.#profile = profile;
    this.#rng = rng;
    this.state = state;
  }

  /** Seals the next message; draws a new pair where one is due. */
  send(plaintext: Uint8Array): Bytes {
    let fresh: { keyPair: KeyPair; agreement: Bytes } | undefined;
    if (needsFreshRatchet(this.state)) {
      const keyPair = pairOf(this.#provider, this.#rng(32));
      const needed = sendingAgreement(this.state, keyPair);
      fresh = { keyPair, agreement: now(this.#provider.curve.x25519(needed.privateKey, needed.publicKey)) };
    }
    const sealed = ratchetEncrypt(this.#provider.symmetric, this.#profile.suite, this.state, plaintext, fresh);
    this.state = sealed.state;
    return sealed.message;
  }

  /** Opens a message and keeps the new state. @throws CryptoError, and then nothing has changed. */
  receive(wire: Uint8Array): Decrypted {
    return this.receiveMessage(messageOf(this.#profile, wire));
  }

  /** As {@link receive}, after decoding. */
  receiveMessage(message: RatchetMessage): Decrypted {
    const held = this.skipped.find(message.header);
    const skipped = held === undefined ? undefined : { ...held, messageKey: copyBytes(held.messageKey) };
    const needed = receivingAgreement(this.state, message.header, skipped);
    const agreement = needed && now(this.#provider.curve.x25519(needed.privateKey, needed.publicKey));
    const step = ratchetDecrypt(this.#provider.symmetric, this.#profile.suite, this.state, message, { agreement, skipped });
    this.state = step.state;
    this.skipped.apply(step.skipped);
    return step;
  }

  /** Throws everything away but what a store would hold. */
  restart(): void {
    this.state = decodeRatchet(encodeRatchet(this.state));
    this.skipped = new SkippedKeyMap(this.skipped.list().map((key) => decodeSkippedKey(encodeSkippedKey(key))));
  }
}

/** Initiator and responder after X3DH, whose result is drawn instead of computed. */
export function ratchetPair(provider: CryptoProvider, profile: OmemoProfile, rng: Rng): { readonly alice: Party; readonly bob: Party } {
  const { suite } = profile;
  const sharedSecret = rng(32);
  const signedPreKeyPair = pairOf(provider, rng(32));
  const ratchetKeyPair = pairOf(provider, rng(32));
  const [aliceIdentity, bobIdentity] = [rng(suite.identityLength), rng(suite.identityLength)];
  const alice = initiateRatchet(provider.symmetric, suite, {
    sharedSecret,
    localIdentity: aliceIdentity,
    remoteIdentity: bobIdentity,
    ratchetKeyPair,
    remoteSignedPreKey: signedPreKeyPair.publicKey,
    agreement: now(provider.curve.x25519(ratchetKeyPair.privateKey, signedPreKeyPair.publicKey)),
  });
  const bob = acceptRatchet(suite, { sharedSecret, localIdentity: bobIdentity, remoteIdentity: aliceIdentity, signedPreKeyPair });
  return { alice: new Party(provider, profile, rng, alice), bob: new Party(provider, profile, rng, bob) };
}

/** The ratchet message of an authenticated message. */
export function messageOf(profile: OmemoProfile, wire: Uint8Array): RatchetMessage {
  const material = profile.decodeKeyMaterial(wire);
  invariant(material?.kind === "message", "an authenticated message");
  return material.message;
}

/** A small generator with a seed (mulberry32): tests only. */
export function seededRng(seed: number): Rng {
  const next = seededNumbers(seed);
  return (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256));
}

/** Numbers in [0, 1) from a seed. */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

function pairOf(provider: CryptoProvider, privateKey: Bytes): KeyPair {
  const clamped = clamp(privateKey);
  return { privateKey: clamped, publicKey: publicKey(now(provider.curve.x25519PublicKey(clamped))) };
}

function now<T>(value: T | Promise<T>): T {
  invariant(!(value instanceof Promise), "a provider that computes at once");
  return value;
}
