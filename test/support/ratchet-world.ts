/**
 * Two devices on a network that loses, delays, repeats, reorders, damages and reflects, and that crash in between.
 * Everything follows from one seed. Knows which message must open and which must be refused.
 * @module
 */
import { expect } from "vitest";
import { concatBytes, equalBytes, utf8, type Bytes } from "../../src/base/bytes.js";
import { encodeSkippedKey } from "../../src/crypto/double-ratchet/skipped-keys.js";
import { encodeRatchet } from "../../src/crypto/double-ratchet/snapshot.js";
import { CryptoError } from "../../src/crypto/errors.js";
import type { CryptoProvider } from "../../src/crypto/provider.js";
import type { OmemoProfile } from "../../src/session/profile.js";
import { messageOf, ratchetPair, seededNumbers, seededRng, type Party } from "./ratchet-pair.js";
import { SkippedKeyMap } from "./skipped-key-map.js";

/** How bad the network is: probabilities per event. */
export interface Weather {
  readonly seed: number;
  readonly loss: number;
  readonly duplicate: number;
  readonly damage: number;
  readonly restart: number;
  /** How many messages may be under way in one direction; more means later and less ordered. */
  readonly delay: number;
  /** Probability that the same device goes on talking. */
  readonly burst: number;
}

/** What happened in one run. */
export interface WorldReport {
  readonly sent: number;
  readonly opened: number;
  readonly refused: number;
  readonly lost: number;
}

type Side = "alice" | "bob";

interface Letter {
  readonly wire: Bytes;
  readonly text: Bytes;
}

/** Sends `messages` messages and delivers what is not lost. Fails on any disagreement. */
export function runWorld(provider: CryptoProvider, profile: OmemoProfile, weather: Weather, messages: number): WorldReport {
  return new World(provider, profile, weather).run(messages);
}

class World {
  readonly #profile: OmemoProfile;
  readonly #weather: Weather;
  readonly #random: () => number;
  readonly #parties: Readonly<Record<Side, Party>>;
  /** On the way to that side. */
  readonly #underWay: Readonly<Record<Side, Letter[]>> = { alice: [], bob: [] };
  /** Opened by that side, the most recent ones. */
  readonly #openedBy: Readonly<Record<Side, Letter[]>> = { alice: [], bob: [] };
  #sent = 0;
  #opened = 0;
  #refused = 0;
  #lost = 0;

  constructor(provider: CryptoProvider, profile: OmemoProfile, weather: Weather) {
    this.#profile = profile;
    this.#weather = weather;
    this.#random = seededNumbers(weather.seed);
    this.#parties = ratchetPair(witnessed(provider), profile, seededRng(weather.seed ^ 0x5eed));
  }

  run(messages: number): WorldReport {
    let talking: Side = "alice";
    while (this.#sent < messages) {
      if (!this.#happens(this.#weather.burst)) talking = other(talking);
      // A responder has nothing to answer before the first message.
      if (this.#parties[talking].state.remoteRatchetKey === undefined) talking = other(talking);
      this.#send(talking);
      while (this.#underWay[other(talking)].length > this.#weather.delay) this.#arrive(other(talking));
      if (this.#happens(0.5)) this.#arrive(this.#happens(0.5) ? "alice" : "bob");
      if (this.#happens(this.#weather.restart)) this.#parties[this.#happens(0.5) ? "alice" : "bob"].restart();
    }
    for (const side of ["alice", "bob"] as const) while (this.#underWay[side].length > 0) this.#arrive(side);
    this.#settle();
    expect(this.#opened + this.#lost).toBe(this.#sent);
    return { sent: this.#sent, opened: this.#opened, refused: this.#refused, lost: this.#lost };
  }

  #happens(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick(length: number): number {
    return Math.floor(this.#random() * length);
  }

  #send(from: Side): void {
    const text = utf8(`${from} ${String(this.#sent++)}`);
    const letter = { wire: this.#parties[from].send(text), text };
    if (this.#happens(this.#weather.loss)) this.#lost++;
    else this.#underWay[other(from)].push(letter);
    if (this.#happens(this.#weather.damage)) this.#refuse(from, letter.wire, "ERR_RATCHET_OWN_KEY"); // reflected
  }

  #arrive(to: Side): void {
    const queue = this.#underWay[to];
    const [letter] = queue.splice(this.#pick(queue.length), 1);
    if (letter === undefined) return;
    if (this.#happens(this.#weather.damage)) this.#refuse(to, this.#damaged(letter.wire));
    if (this.#happens(this.#weather.restart)) this.#crashBeforeCommit(to, letter);
    this.#open(to, letter);
    const seen = this.#openedBy[to];
    seen.push(letter);
    if (seen.length > 200) seen.shift();
    const again = seen[this.#pick(seen.length)];
    if (again !== undefined && this.#happens(this.#weather.duplicate)) this.#repeat(to, again);
    if (this.#happens(this.#weather.duplicate)) this.#repeat(to, letter);
  }

  /** A replay is recognised as such for as long as its chain is remembered. */
  #repeat(to: Side, letter: Letter): void {
    const { ratchetKey } = messageOf(this.#profile, letter.wire).header;
    const remembered = this.#parties[to].state.receiving.some((chain) => equalBytes(chain.ratchetKey, ratchetKey));
    this.#refuse(to, letter.wire, remembered ? "ERR_RATCHET_DUPLICATE" : "ERR_CRYPTO_DECRYPT");
  }

  #open(to: Side, letter: Letter): void {
    const step = this.#parties[to].receive(letter.wire);
    // Not toEqual: this runs a hundred thousand times.
    if (!equalBytes(step.plaintext, letter.text)) throw new Error("another plaintext than was sent");
    this.#opened++;
  }

  /** Decrypted, then the power fails before the commit: the message comes again and must open again. */
  #crashBeforeCommit(to: Side, letter: Letter): void {
    const party = this.#parties[to];
    const { state } = party;
    const skipped = party.skipped.list().map((key) => ({ ...key, messageKey: key.messageKey.slice() }));
    if (!equalBytes(party.receive(letter.wire).plaintext, letter.text)) throw new Error("another plaintext than was sent");
    party.state = state;
    party.skipped = new SkippedKeyMap(skipped);
    party.restart();
  }

  #refuse(to: Side, wire: Bytes, code?: string): void {
    const party = this.#parties[to];
    const before = durable(party);
    let refusal: unknown;
    try {
      party.receiveMessage(messageOf(this.#profile, wire));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(CryptoError);
    if (code !== undefined) expect(refusal).toMatchObject({ code });
    if (!equalBytes(durable(party), before)) throw new Error("a refused message left a trace");
    this.#refused++;
  }

  /** Changes one byte of MAC or ciphertext, so that it still parses. */
  #damaged(wire: Bytes): Bytes {
    const altered = Uint8Array.from(wire);
    const at = this.#profile.suite.id === "legacy" ? wire.length - 1 - this.#pick(8 + 16) : this.#happens(0.5) ? 2 + this.#pick(16) : wire.length - 1 - this.#pick(16);
    altered[at] = (altered[at] as number) ^ (1 + this.#pick(255));
    return altered;
  }

  /** Whatever happened, both still understand each other, in both directions. */
  #settle(): void {
    const speaks: Side = this.#parties.bob.state.remoteRatchetKey === undefined ? "alice" : "bob";
    for (const from of [speaks, other(speaks), speaks]) {
      const text = utf8(`settled ${from}`);
      expect(this.#parties[other(from)].receive(this.#parties[from].send(text)).plaintext).toEqual(text);
    }
  }
}

function other(side: Side): Side {
  return side === "alice" ? "bob" : "alice";
}

/** What a store would hold, except for older skipped keys, whose number and age are in it. */
function durable(party: Party): Bytes {
  const newest = party.skipped.list().at(-1);
  return concatBytes(
    encodeRatchet(party.state),
    newest === undefined ? new Uint8Array(0) : encodeSkippedKey(newest),
    utf8(String(party.skipped.size)),
  );
}

/** C09: remembers every key that encrypted, and fails when one is used a second time, be it for the same plaintext. */
function witnessed(provider: CryptoProvider): CryptoProvider {
  const used = new Set<string>();
  return {
    name: provider.name,
    curve: provider.curve,
    symmetric: {
      ...bound(provider.symmetric),
      aesCbcEncrypt(key, iv, plaintext) {
        const name = String.fromCharCode(...key, ...iv);
        if (used.has(name)) throw new Error("a message key was used twice");
        used.add(name);
        return provider.symmetric.aesCbcEncrypt(key, iv, plaintext);
      },
    },
  };
}

function bound(symmetric: CryptoProvider["symmetric"]): CryptoProvider["symmetric"] {
  return {
    sha256: (data) => symmetric.sha256(data),
    sha512: (data) => symmetric.sha512(data),
    hmacSha256: (key, data) => symmetric.hmacSha256(key, data),
    hkdfSha256: (salt, key, info, length) => symmetric.hkdfSha256(salt, key, info, length),
    aesCbcEncrypt: (key, iv, plaintext) => symmetric.aesCbcEncrypt(key, iv, plaintext),
    aesCbcDecrypt: (key, iv, ciphertext) => symmetric.aesCbcDecrypt(key, iv, ciphertext),
  };
}
