/**
 * Replays a session transcript of other implementations (test/vectors) on our ratchet and profiles.
 *
 * Holds just enough of a device to do so: prekeys, and per peer one current session and the archived ones, so that the
 * transcripts can be replayed without the rest of session/. Every state passes through its snapshot after every event.
 * @module
 */
import { expect } from "vitest";
import { copyBytes, toHex, type Bytes } from "../../src/base/bytes.js";
import { invariant } from "../../src/base/errors.js";
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
import { CryptoError } from "../../src/crypto/errors.js";
import { clamp, keyPairFromPrivate, publicKey, type KeyPair } from "../../src/crypto/keys.js";
import type { CryptoProvider } from "../../src/crypto/provider.js";
import { computeAgreements, initiatorAgreements, responderAgreements, x3dhSecret } from "../../src/crypto/x3dh/agreement.js";
import type { KeyExchange, OmemoProfile } from "../../src/session/profile.js";
import {
  hex,
  privateOf,
  publicOf,
  type DeliverEvent,
  type Scenario,
  type SendEvent,
  type VectorDevice,
  type VectorEvent,
  type VectorState,
} from "./session-vector-format.js";
import { SkippedKeyMap } from "./skipped-key-map.js";

interface HeldSession {
  readonly label: string;
  readonly startedByUs: boolean;
  readonly exchange: KeyExchange;
  confirmed: boolean;
  state: RatchetState;
  skipped: SkippedKeyMap;
  nextRatchetPrivate: string | undefined;
}

class Refusal extends Error {}

class Device {
  readonly vector: VectorDevice;
  readonly preKeys = new Map<number, string>();
  readonly signedPreKeys = new Map<number, string>();
  /** Current session first, then archived ones, newest first. A scenario has two devices, so one list is enough. */
  sessions: HeldSession[] = [];

  constructor(vector: VectorDevice) {
    this.vector = vector;
    for (const key of vector.preKeys) if (key.initial) this.preKeys.set(key.id, key.priv);
    for (const key of vector.signedPreKeys) if (key.initial) this.signedPreKeys.set(key.id, key.priv);
  }

  /** Everything durable, as one comparable text. */
  fingerprint(): string {
    return JSON.stringify([
      [...this.preKeys],
      [...this.signedPreKeys],
      this.sessions.map((s) => [s.label, s.confirmed, toHex(encodeRatchet(s.state)), s.skipped.list().map((k) => toHex(encodeSkippedKey(k)))]),
    ]);
  }

  restart(): void {
    for (const session of this.sessions) {
      const snapshot = encodeRatchet(session.state);
      expect(snapshot.length).toBeLessThan(600);
      session.state = decodeRatchet(snapshot);
      expect(encodeRatchet(session.state)).toEqual(snapshot);
      expect(session.state.skippedCount).toBe(session.skipped.size);
      session.skipped = new SkippedKeyMap(session.skipped.list().map((key) => decodeSkippedKey(encodeSkippedKey(key))));
    }
  }
}

/** Replays one scenario and checks every byte and every refusal. Returns how many events were compared. */
export async function replay(provider: CryptoProvider, profile: OmemoProfile, scenario: Scenario): Promise<number> {
  return new Replay(provider, profile, scenario).run();
}

class Replay {
  readonly #provider: CryptoProvider;
  readonly #profile: OmemoProfile;
  readonly #scenario: Scenario;
  readonly #devices = new Map<string, Device>();
  readonly #sent = new Map<string, SendEvent>();

  constructor(provider: CryptoProvider, profile: OmemoProfile, scenario: Scenario) {
    this.#provider = provider;
    this.#profile = profile;
    this.#scenario = scenario;
    for (const [name, vector] of Object.entries(scenario.devices)) this.#devices.set(name, new Device(vector));
  }

  async run(): Promise<number> {
    let compared = 0;
    for (const [index, event] of this.#scenario.events.entries()) {
      try {
        compared += (await this.#apply(event)) ? 1 : 0;
      } catch (error) {
        throw new Error(`${this.#scenario.name}: event ${String(index)} (${event.type})`, { cause: error });
      }
      for (const device of this.#devices.values()) device.restart();
    }
    return compared;
  }

  async #apply(event: VectorEvent): Promise<boolean> {
    switch (event.type) {
      case "send":
        this.#sent.set(event.msg, event);
        if (this.#device(event.from).vector.opaque === true || event.opaque === true) return false;
        await this.#send(event);
        return true;
      case "deliver":
        if (this.#device(event.to).vector.opaque === true || event.opaqueReceiver === true) return false;
        await this.#deliver(event);
        return true;
      case "burn":
        for (let i = 0; i < event.count; i++) {
          await this.#seal(sessionOf(this.#device(event.from), event.session), this.#profile.emptyPayload((n) => new Uint8Array(n)).ratchetPlaintext);
        }
        return false;
      case "loseSessions":
        this.#device(event.device).sessions = [];
        return false;
      case "rotateSignedPreKey": {
        const device = this.#device(event.device);
        for (const id of [...device.signedPreKeys.keys()].slice(0, -1)) device.signedPreKeys.delete(id); // one old one is kept
        device.signedPreKeys.set(event.newId, privateOf(device.vector.signedPreKeys, event.newId));
        return false;
      }
      case "addPreKeys": {
        const device = this.#device(event.device);
        for (const id of event.ids) device.preKeys.set(id, privateOf(device.vector.preKeys, id));
        return false;
      }
      case "catchUpBegins":
        return false;
      case "catchUpEnds":
        for (const id of event.deletePreKeys) this.#device(event.device).preKeys.delete(id);
        return false;
    }
  }

  #device(name: string): Device {
    const device = this.#devices.get(name);
    invariant(device !== undefined, "a device of the scenario");
    return device;
  }

  async #send(event: SendEvent): Promise<void> {
    const device = this.#device(event.from);
    if (event.startsSession) await this.#start(event);
    const session = sessionOf(device, event.session);
    const { message, header } = await this.#seal(session, hex(event.content.ratchetPlaintext));
    const wrapped = session.startedByUs && !session.confirmed;
    expect(wrapped).toBe(event.kex);
    expect(toHex(wrapped ? this.#profile.encodeKeyExchange(session.exchange, message) : message)).toBe(event.wire);
    expect({ n: header.n, pn: header.pn, dhPub: toHex(header.ratchetKey) }).toEqual(event.header);
    this.#checkPayload(event);
    if (event.senderState !== undefined) {
      expectReceiving(session.state, event.senderState);
      const { state } = session;
      expect({
        rootKey: toHex(state.rootKey),
        ownRatchetPriv: toHex(state.ownRatchet.privateKey),
        sendChainKey: state.sending && toHex(state.sending.chainKey),
        sendCount: state.sending?.next,
        previousSendCount: state.previousSendCount,
      }).toEqual({
        rootKey: event.senderState.rootKey,
        ownRatchetPriv: toHex(clamp(hex(event.senderState.ownRatchetPriv))),
        sendChainKey: event.senderState.sendChainKey,
        sendCount: event.senderState.sendCount,
        previousSendCount: event.senderState.previousSendCount,
      });
    }
  }

  #checkPayload(event: SendEvent): void {
    const { contentKey, payload, plaintext, iv, ratchetPlaintext } = event.content;
    if (contentKey === undefined || payload === undefined || plaintext === undefined) return;
    const draws = [hex(contentKey), ...(iv === undefined ? [] : [hex(iv)])];
    const sealed = this.#profile.sealPayload(this.#provider.symmetric, () => draws.shift() ?? new Uint8Array(0), hex(plaintext));
    expect(toHex(sealed.payload)).toBe(payload);
    expect(toHex(sealed.ratchetPlaintext)).toBe(ratchetPlaintext);
    const opened = this.#profile.openPayload(this.#provider.symmetric, hex(ratchetPlaintext), hex(payload), iv === undefined ? undefined : hex(iv));
    expect(opened).toEqual(hex(plaintext));
  }

  async #start(event: SendEvent): Promise<void> {
    const device = this.#device(event.from);
    const remote = this.#device(event.to).vector;
    invariant(event.inject !== undefined, "private keys of the initiator");
    const signedPreKey = publicKey(hex(publicOf(remote.signedPreKeys, event.inject.signedPreKeyId)));
    const ephemeral = await keyPairFromPrivate(this.#provider.curve, hex(event.inject.ephemeralPriv));
    const ratchet = await keyPairFromPrivate(this.#provider.curve, hex(event.inject.ratchetPriv));
    const secrets = await computeAgreements(
      this.#provider.curve,
      initiatorAgreements({
        identityPrivate: hex(device.vector.identity.priv),
        ephemeralPrivate: ephemeral.privateKey,
        remoteIdentity: publicKey(hex(remote.identity.curvePub)),
        remoteSignedPreKey: signedPreKey,
        remotePreKey: publicKey(hex(publicOf(remote.preKeys, event.inject.preKeyId))),
      }),
    );
    const sharedSecret = x3dhSecret(this.#provider.symmetric, secrets, this.#profile.suite.x3dhInfo);
    expect(toHex(sharedSecret)).toBe(event.x3dh?.sharedSecret);
    const state = initiateRatchet(this.#provider.symmetric, this.#profile.suite, {
      sharedSecret,
      localIdentity: hex(device.vector.identity.wire),
      remoteIdentity: hex(remote.identity.wire),
      ratchetKeyPair: ratchet,
      remoteSignedPreKey: signedPreKey,
      agreement: await this.#provider.curve.x25519(ratchet.privateKey, signedPreKey),
    });
    device.sessions.unshift({
      label: event.session,
      startedByUs: true,
      confirmed: false,
      exchange: {
        preKeyId: event.inject.preKeyId,
        signedPreKeyId: event.inject.signedPreKeyId,
        identityKey: hex(device.vector.identity.wire),
        ephemeralKey: ephemeral.publicKey,
      },
      state,
      skipped: new SkippedKeyMap(),
      nextRatchetPrivate: undefined,
    });
  }

  async #seal(session: HeldSession, plaintext: Bytes): Promise<{ message: Bytes; header: RatchetMessage["header"] }> {
    let fresh: { keyPair: KeyPair; agreement: Bytes } | undefined;
    if (needsFreshRatchet(session.state)) {
      invariant(session.nextRatchetPrivate !== undefined, "the transcript names the next ratchet key");
      const keyPair = await keyPairFromPrivate(this.#provider.curve, hex(session.nextRatchetPrivate));
      const needed = sendingAgreement(session.state, keyPair);
      fresh = { keyPair, agreement: await this.#provider.curve.x25519(needed.privateKey, needed.publicKey) };
    }
    const sealed = ratchetEncrypt(this.#provider.symmetric, this.#profile.suite, session.state, plaintext, fresh);
    session.state = sealed.state;
    return sealed;
  }

  async #deliver(event: DeliverEvent): Promise<void> {
    const device = this.#device(event.to);
    const sent = this.#sent.get(event.msg);
    invariant(sent !== undefined, "a message that was sent");
    const wire = hex(event.wire ?? sent.wire);
    if (event.expect === "reject") {
      const before = device.fingerprint();
      const refusal = await this.#receive(device, wire, event, sent).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal instanceof CryptoError || refusal instanceof Refusal ? "refused" : refusal, event.note).toBe("refused");
      if (event.reason === "duplicate") expect(refusal).toMatchObject({ code: "ERR_RATCHET_DUPLICATE" });
      if (event.reason === "too-many-skipped") expect(refusal).toMatchObject({ code: "ERR_RATCHET_TOO_MANY_SKIPPED" });
      expect(device.fingerprint()).toBe(before);
      return;
    }
    const { session, via, step } = await this.#receive(device, wire, event, sent);
    expect(toHex(step.plaintext)).toBe(event.ratchetPlaintext);
    expect(session.label).toBe(event.session);
    // Which of several sessions is the current one is our own choice, except where the transcript tests that choice.
    if (event.policy === "archived-sessions") expect(via).toBe(event.via);
    else expect(via === "new").toBe(event.via === "new");
    if (event.generatedRatchetPriv !== undefined) {
      expect(step.advanced).toBe(true);
      session.nextRatchetPrivate = event.generatedRatchetPriv;
    }
    if (event.preKeyDeleted === true) device.preKeys.delete(event.usedPreKeyId ?? -1);
    if (event.receiverState !== undefined) expectReceiving(session.state, event.receiverState);
  }

  async #receive(device: Device, wire: Bytes, event: DeliverEvent, sent: SendEvent): Promise<{ session: HeldSession; via: string; step: Decrypted }> {
    const material = this.#profile.decodeKeyMaterial(wire);
    if (material === undefined) throw new Refusal("malformed");
    const viaOf = (session: HeldSession): string => (device.sessions[0] === session ? "existing" : "archived");
    if (material.kind === "key-exchange") {
      const known = device.sessions.find((s) => !s.startedByUs && sameExchange(s.exchange, material.exchange));
      if (known === undefined) return this.#accept(device, material.exchange, material.message, event, sent);
      const via = viaOf(known);
      return { session: known, via, step: await this.#open(device, known, material.message) };
    }
    let last: unknown = new Refusal("no session");
    for (const session of device.sessions) {
      const via = viaOf(session);
      try {
        return { session, via, step: await this.#open(device, session, material.message) };
      } catch (error) {
        if (error instanceof CryptoError && error.code === "ERR_RATCHET_DUPLICATE") throw error;
        last = error;
      }
    }
    throw last;
  }

  async #accept(device: Device, exchange: KeyExchange, message: RatchetMessage, event: DeliverEvent, sent: SendEvent): Promise<{ session: HeldSession; via: string; step: Decrypted }> {
    const signedPreKeyPrivate = device.signedPreKeys.get(exchange.signedPreKeyId);
    const preKeyPrivate = device.preKeys.get(exchange.preKeyId);
    if (signedPreKeyPrivate === undefined || preKeyPrivate === undefined) throw new Refusal("unknown prekey");
    const remote = this.#profile.readIdentity(exchange.identityKey);
    const secrets = await computeAgreements(
      this.#provider.curve,
      responderAgreements({
        identityPrivate: hex(device.vector.identity.priv),
        signedPreKeyPrivate: clamp(hex(signedPreKeyPrivate)),
        preKeyPrivate: clamp(hex(preKeyPrivate)),
        remoteIdentity: remote.curve,
        remoteEphemeral: exchange.ephemeralKey,
      }),
    );
    const session: HeldSession = {
      label: event.session ?? sent.session,
      startedByUs: false,
      confirmed: true,
      exchange,
      state: acceptRatchet(this.#profile.suite, {
        sharedSecret: x3dhSecret(this.#provider.symmetric, secrets, this.#profile.suite.x3dhInfo),
        localIdentity: hex(device.vector.identity.wire),
        remoteIdentity: remote.wire,
        signedPreKeyPair: await keyPairFromPrivate(this.#provider.curve, hex(signedPreKeyPrivate)),
      }),
      skipped: new SkippedKeyMap(),
      nextRatchetPrivate: undefined,
    };
    const step = await this.#open(device, session, message);
    device.sessions.unshift(session);
    return { session, via: "new", step };
  }

  async #open(device: Device, session: HeldSession, message: RatchetMessage): Promise<Decrypted> {
    const held = session.skipped.find(message.header);
    const skipped = held === undefined ? undefined : { ...held, messageKey: copyBytes(held.messageKey) };
    const needed = receivingAgreement(session.state, message.header, skipped);
    const agreement = needed && (await this.#provider.curve.x25519(needed.privateKey, needed.publicKey));
    const before = encodeRatchet(session.state);
    const old = session.state;
    const step = ratchetDecrypt(this.#provider.symmetric, this.#profile.suite, old, message, { agreement, skipped });
    expect(encodeRatchet(old)).toEqual(before); // a new state is a new value
    session.state = step.state;
    session.skipped.apply(step.skipped);
    // Promotion as in section 2.6 of the protocol notes: the crossing case, or a step of the peer's ratchet.
    const promoted = step.advanced || (session.startedByUs && !session.confirmed);
    session.confirmed = true;
    if (promoted && device.sessions.includes(session)) device.sessions = [session, ...device.sessions.filter((s) => s !== session)];
    return step;
  }
}

function sessionOf(device: Device, label: string): HeldSession {
  const session = device.sessions.find((s) => s.label === label);
  invariant(session !== undefined, "a session of the scenario");
  return session;
}

function sameExchange(a: KeyExchange, b: KeyExchange): boolean {
  return (
    a.preKeyId === b.preKeyId &&
    a.signedPreKeyId === b.signedPreKeyId &&
    toHex(a.identityKey) === toHex(b.identityKey) &&
    toHex(a.ephemeralKey) === toHex(b.ephemeralKey)
  );
}

/** Our own half of a step comes later than the reference's, so only the receiving half is compared after a delivery. */
function expectReceiving(state: RatchetState, expected: VectorState): void {
  const newest = state.receiving[0];
  expect({
    remote: state.remoteRatchetKey && toHex(state.remoteRatchetKey),
    chainKey: newest === undefined ? null : toHex(newest.chainKey),
    count: newest?.next ?? 0,
  }).toEqual({ remote: expected.remoteRatchetPub, chainKey: expected.recvChainKey, count: expected.recvCount });
}
