/** A device of the older OMEMO version made of our crypto, profile and codecs alone: one session, with one other device. @module */
import { concatBytes, copyBytes, type Bytes } from "../../src/base/bytes.js";
import { invariant } from "../../src/base/errors.js";
import { systemRng } from "../../src/base/rng.js";
import type { XmlElement } from "../../src/base/xml.js";
import { acceptRatchet, initiateRatchet, type RatchetState } from "../../src/crypto/double-ratchet/state.js";
import { needsFreshRatchet, ratchetDecrypt, ratchetEncrypt, receivingAgreement, sendingAgreement } from "../../src/crypto/double-ratchet/step.js";
import type { RatchetMessage } from "../../src/crypto/double-ratchet/suite.js";
import { generateIdentityKeyPair, type IdentityKeyPair } from "../../src/crypto/identity-key.js";
import { generateKeyPair, type KeyPair } from "../../src/crypto/keys.js";
import type { CryptoProvider } from "../../src/crypto/provider.js";
import { computeAgreements, initiatorAgreements, responderAgreements, x3dhSecret } from "../../src/crypto/x3dh/agreement.js";
import { verifyLegacyBundle } from "../../src/crypto/x3dh/bundle.js";
import { legacyProfile as profile } from "../support/legacy-profile.js";
import { parseDeviceId, type DeviceId } from "../../src/session/ports.js";
import type { EmptyPayload, KeyExchange, SealedPayload } from "../../src/session/profile.js";
import { decodeBundle, encodeBundle } from "../../src/transport/xep/xep0384-directory.js";
import { decodeEncrypted, encodeEncrypted } from "../../src/transport/xep/xep0384.js";
import { SkippedKeyMap } from "../support/skipped-key-map.js";

const rng = systemRng();
const ownDevice = parseDeviceId(4711) as DeviceId;
const otherDevice = 31337;

interface OwnKeys { readonly identity: IdentityKeyPair; readonly signedPreKey: KeyPair; readonly preKeys: readonly KeyPair[] }

/** Our end of a legacy session. */
export class LegacyDevice {
  readonly #provider: CryptoProvider;
  readonly #keys: OwnKeys;
  readonly #skipped = new SkippedKeyMap();
  #state: RatchetState | undefined;
  #unconfirmed: KeyExchange | undefined;
  #accepted: string | undefined;

  private constructor(provider: CryptoProvider, keys: OwnKeys) {
    this.#provider = provider;
    this.#keys = keys;
  }

  static async create(provider: CryptoProvider): Promise<LegacyDevice> {
    const pair = (): Promise<KeyPair> => generateKeyPair(provider.curve, rng);
    const preKeys = await Promise.all(Array.from({ length: 20 }, pair));
    return new LegacyDevice(provider, { identity: await generateIdentityKeyPair(provider, rng), signedPreKey: await pair(), preKeys });
  }

  async bundle(): Promise<XmlElement> {
    const { identity, signedPreKey, preKeys } = this.#keys;
    const signedBytes = profile.writePublicKey(signedPreKey.publicKey);
    return encodeBundle({
      identityKey: profile.writeIdentity(identity.publicKey),
      signedPreKeyId: 1,
      signedPreKey: signedBytes,
      signedPreKeySignature: await this.#provider.curve.ed25519Sign(identity.seed, signedBytes),
      preKeys: preKeys.map((pair, index) => ({ id: index + 1, key: profile.writePublicKey(pair.publicKey) })),
    }, profile.namespace);
  }

  /** Builds a session from the other device's bundle. */
  async start(element: XmlElement): Promise<void> {
    const wire = decodeBundle(element, profile.namespace);
    invariant(wire !== undefined, "the bundle of the peer is readable");
    const bundle = await verifyLegacyBundle(this.#provider, wire);
    const [preKey] = bundle.preKeys;
    invariant(preKey !== undefined, "a verified bundle has a prekey");
    const { curve, symmetric } = this.#provider;
    const ephemeral = await generateKeyPair(curve, rng);
    const ratchetKeyPair = await generateKeyPair(curve, rng);
    const secrets = await computeAgreements(curve, initiatorAgreements({
      identityPrivate: this.#keys.identity.curvePrivateKey, ephemeralPrivate: ephemeral.privateKey,
      remoteIdentity: bundle.identityCurve, remoteSignedPreKey: bundle.signedPreKey, remotePreKey: preKey.key,
    }));
    const localIdentity = profile.writeIdentity(this.#keys.identity.publicKey);
    this.#state = initiateRatchet(symmetric, profile.suite, {
      sharedSecret: x3dhSecret(symmetric, secrets, profile.suite.x3dhInfo), localIdentity, remoteIdentity: wire.identityKey,
      ratchetKeyPair, remoteSignedPreKey: bundle.signedPreKey, agreement: await curve.x25519(ratchetKeyPair.privateKey, bundle.signedPreKey),
    });
    this.#unconfirmed = {
      preKeyId: preKey.id, signedPreKeyId: bundle.signedPreKeyId, identityKey: localIdentity, ephemeralKey: ephemeral.publicKey, registrationId: ownDevice,
    };
  }

  /** Encrypts `text`, or nothing at all. */
  async encrypt(text: Uint8Array | undefined): Promise<XmlElement> {
    const { symmetric } = this.#provider;
    const sealed: EmptyPayload & Partial<SealedPayload> = text === undefined ? profile.emptyPayload(rng) : profile.sealPayload(symmetric, rng, text);
    const message = await this.#seal(sealed.ratchetPlaintext);
    const exchange = this.#unconfirmed;
    return encodeEncrypted({
      namespace: profile.namespace, sid: ownDevice,
      keys: [{ rid: otherDevice, kex: exchange !== undefined, data: exchange === undefined ? message : profile.encodeKeyExchange(exchange, message) }],
      ...(sealed.payload === undefined ? {} : { payload: sealed.payload }),
      ...(sealed.iv === undefined ? {} : { iv: sealed.iv }),
    });
  }

  /** Decrypts a message; `undefined` for an empty one. */
  async decrypt(element: XmlElement): Promise<Bytes | undefined> {
    const encrypted = decodeEncrypted(element);
    const key = encrypted?.keys.find((each) => each.rid === ownDevice);
    const material = key === undefined ? undefined : profile.decodeKeyMaterial(key.data);
    invariant(encrypted !== undefined && material !== undefined, "the peer's message is readable");
    if (material.kind === "key-exchange") await this.#accept(material.exchange);
    const ratchetPlaintext = await this.#open(material.message);
    if (encrypted.payload === undefined) return undefined;
    const text = profile.openPayload(this.#provider.symmetric, ratchetPlaintext, encrypted.payload, encrypted.iv);
    invariant(text !== undefined, "the payload of the peer opens");
    return text;
  }

  async #accept(exchange: KeyExchange): Promise<void> {
    const name = [exchange.preKeyId, ...exchange.ephemeralKey].join();
    if (this.#accepted === name) return; // the same key exchange again: the session exists
    const { curve, symmetric } = this.#provider;
    const preKey = this.#keys.preKeys[exchange.preKeyId - 1];
    invariant(preKey !== undefined && exchange.signedPreKeyId === 1, "the key exchange names keys of ours");
    const remote = profile.readIdentity(exchange.identityKey);
    const secrets = await computeAgreements(curve, responderAgreements({
      identityPrivate: this.#keys.identity.curvePrivateKey, signedPreKeyPrivate: this.#keys.signedPreKey.privateKey,
      preKeyPrivate: preKey.privateKey, remoteIdentity: remote.curve, remoteEphemeral: exchange.ephemeralKey,
    }));
    this.#state = acceptRatchet(profile.suite, {
      sharedSecret: x3dhSecret(symmetric, secrets, profile.suite.x3dhInfo), localIdentity: profile.writeIdentity(this.#keys.identity.publicKey),
      remoteIdentity: remote.wire, signedPreKeyPair: this.#keys.signedPreKey,
    });
    this.#accepted = name;
  }

  async #seal(plaintext: Bytes): Promise<Bytes> {
    const state = this.#session();
    const { curve, symmetric } = this.#provider;
    let fresh: { keyPair: KeyPair; agreement: Bytes } | undefined;
    if (needsFreshRatchet(state)) {
      const keyPair = await generateKeyPair(curve, rng);
      const needed = sendingAgreement(state, keyPair);
      fresh = { keyPair, agreement: await curve.x25519(needed.privateKey, needed.publicKey) };
    }
    const sealed = ratchetEncrypt(symmetric, profile.suite, state, plaintext, fresh);
    this.#state = sealed.state;
    return sealed.message;
  }

  async #open(message: RatchetMessage): Promise<Bytes> {
    const state = this.#session();
    const held = this.#skipped.find(message.header);
    const skipped = held === undefined ? undefined : { ...held, messageKey: copyBytes(held.messageKey) };
    const needed = receivingAgreement(state, message.header, skipped);
    const agreement = needed && (await this.#provider.curve.x25519(needed.privateKey, needed.publicKey));
    const step = ratchetDecrypt(this.#provider.symmetric, profile.suite, state, message, { agreement, skipped });
    this.#state = step.state;
    this.#skipped.apply(step.skipped);
    this.#unconfirmed = undefined;
    return concatBytes(step.plaintext);
  }

  #session(): RatchetState {
    invariant(this.#state !== undefined, "a session exists");
    return this.#state;
  }
}
