import { describe, expect, test } from "vitest";
import { concatBytes, equalBytes, toHex, utf8, type Bytes } from "../../../src/base/bytes.js";
import { receivingChainsMax, skippedKeysPerMessageMax, skippedKeysPerSessionMax } from "../../../src/base/limits.js";
import { messageKeyOf, sealWithMessageKey } from "../../../src/crypto/double-ratchet/chain.js";
import { describeRatchet } from "../../../src/crypto/double-ratchet/describe.js";
import { encodeSkippedKey, decodeSkippedKey, skippedKeyName } from "../../../src/crypto/double-ratchet/skipped-keys.js";
import { decodeRatchet, encodeRatchet } from "../../../src/crypto/double-ratchet/snapshot.js";
import type { RatchetMessage } from "../../../src/crypto/double-ratchet/suite.js";
import { CryptoError, type CryptoErrorCode } from "../../../src/crypto/errors.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { legacyProfile } from "../../support/legacy-profile.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { messageOf, ratchetPair, seededRng, type Party } from "../../support/ratchet-pair.js";

function codeOf(work: () => unknown): CryptoErrorCode | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof CryptoError) return error.code;
    throw error;
  }
  return undefined;
}

/** Expects a refusal with this code after which nothing has changed. */
function refuses(party: Party, message: RatchetMessage, code: CryptoErrorCode): void {
  const before = everything(party);
  expect(codeOf(() => party.receiveMessage(message))).toBe(code);
  expect(everything(party)).toEqual(before);
}

function everything(party: Party): unknown {
  return [toHex(encodeRatchet(party.state)), party.skipped.list().map((key) => toHex(encodeSkippedKey(key)))];
}

const hello = utf8("hello");

describe.each([omemo2Profile, legacyProfile])("$namespace", (profile) => {
  const pair = (seed = 1): { alice: Party; bob: Party } => ratchetPair(nobleProvider, profile, seededRng(seed));
  const parsed = (wire: Bytes): RatchetMessage => messageOf(profile, wire);

  /** Alice and Bob have both sent and received. */
  const settled = (seed = 1): { alice: Party; bob: Party } => {
    const { alice, bob } = pair(seed);
    bob.receive(alice.send(hello));
    alice.receive(bob.send(hello));
    return { alice, bob };
  };

  test("R07 any altered byte is refused without a trace, then the true message still works", () => {
    const { alice, bob } = settled();
    alice.receive(bob.send(hello)); // the newest chain is known, so that nothing hides behind a Diffie-Hellman step
    const wire = alice.send(utf8("secret"));
    for (let i = 0; i < wire.length; i++) {
      const altered = Uint8Array.from(wire);
      altered[i] = (altered[i] as number) ^ (1 << (i % 8));
      const material = profile.decodeKeyMaterial(altered);
      if (material?.kind !== "message") continue; // no message any more: nothing to give to a ratchet
      const before = everything(bob);
      expect(codeOf(() => bob.receiveMessage(material.message))).toBeDefined();
      expect(everything(bob)).toEqual(before);
    }
    expect(bob.receive(wire).plaintext).toEqual(utf8("secret"));
  });

  test("C05 a wrong, shortened or lengthened MAC is refused", () => {
    const { alice, bob } = settled();
    const message = parsed(alice.send(hello));
    const flipped = Uint8Array.from(message.mac);
    flipped[0] = (flipped[0] as number) ^ 1;
    for (const mac of [flipped, message.mac.slice(0, -1), new Uint8Array(0), concatBytes(message.mac, Uint8Array.of(0))]) {
      refuses(bob, { ...message, mac }, "ERR_CRYPTO_DECRYPT");
    }
    expect(bob.receiveMessage(message).plaintext).toEqual(hello);
  });

  test("C06 a ciphertext that does not belong to the authenticated bytes is the same error", () => {
    const { alice, bob } = settled();
    const message = parsed(alice.send(hello));
    refuses(bob, { ...message, authenticated: concatBytes(message.authenticated, Uint8Array.of(0)) }, "ERR_CRYPTO_DECRYPT");
    refuses(bob, { ...message, ciphertext: message.ciphertext.slice(1) }, "ERR_CRYPTO_DECRYPT"); // bad length after a good MAC
  });

  test("R10 a repeated message is a duplicate, in the current chain and in the last old ones", () => {
    const { alice, bob } = pair();
    const wires: Bytes[] = [];
    for (let round = 0; round < receivingChainsMax; round++) {
      wires.push(alice.send(hello));
      bob.receive(wires.at(-1) as Bytes);
      alice.receive(bob.send(hello));
    }
    expect(bob.state.receiving.length).toBe(receivingChainsMax);
    for (const wire of wires) refuses(bob, parsed(wire), "ERR_RATCHET_DUPLICATE");
    bob.receive(alice.send(hello)); // one chain more: the oldest is forgotten, its replay is merely not authentic
    alice.receive(bob.send(hello));
    refuses(bob, parsed(wires[0] as Bytes), "ERR_CRYPTO_DECRYPT");
    refuses(bob, parsed(wires[1] as Bytes), "ERR_RATCHET_DUPLICATE");
    const snapshot = encodeRatchet(bob.state);
    const end = snapshot.length - 10; // behind it the counts; one chain has a ratchet key, a chain key and a counter
    const oneMore = concatBytes(snapshot.subarray(0, end), snapshot.subarray(end - 68, end), snapshot.subarray(end));
    oneMore[1] = (oneMore[1] as number) + 0x10;
    expect(decodeRatchet(snapshot).receiving.length).toBe(receivingChainsMax);
    expect(codeOf(() => decodeRatchet(oneMore))).toBe("ERR_SNAPSHOT_INVALID");
  });

  test("R10 a message opened with a stored key is a duplicate the second time", () => {
    const { alice, bob } = settled();
    const late = alice.send(utf8("late"));
    bob.receive(alice.send(hello));
    expect(bob.skipped.size).toBe(1);
    expect(bob.receive(late).plaintext).toEqual(utf8("late"));
    expect(bob.skipped.size).toBe(0);
    expect(bob.state.skippedCount).toBe(0);
    refuses(bob, parsed(late), "ERR_RATCHET_DUPLICATE");
  });

  test("R07 a forgery against a stored key leaves the key for the true message", () => {
    const { alice, bob } = settled();
    const late = parsed(alice.send(utf8("late")));
    bob.receive(alice.send(hello));
    refuses(bob, { ...late, mac: late.mac.map((byte) => byte ^ 1) }, "ERR_CRYPTO_DECRYPT");
    expect(bob.receiveMessage(late).plaintext).toEqual(utf8("late"));
  });

  test("R15 our own ratchet key is never the peer's", () => {
    const { alice, bob } = settled();
    const reflected = parsed(alice.send(hello));
    refuses(alice, reflected, "ERR_RATCHET_OWN_KEY");
    expect(bob.receiveMessage(reflected).plaintext).toEqual(hello);
  });

  test("R08 999 and 1000 skipped messages are accepted, 1001 are not", () => {
    for (const [skipped, code] of [[skippedKeysPerMessageMax - 1, undefined], [skippedKeysPerMessageMax, undefined], [skippedKeysPerMessageMax + 1, "ERR_RATCHET_TOO_MANY_SKIPPED"]] as const) {
      for (const known of [true, false]) {
        const { alice, bob } = settled();
        if (known) bob.receive(alice.send(hello));
        for (let i = 0; i < skipped; i++) alice.send(hello);
        const message = parsed(alice.send(hello));
        if (code !== undefined) refuses(bob, message, code);
        else {
          bob.receiveMessage(message);
          expect(bob.skipped.size).toBe(skipped);
        }
      }
    }
  });

  test("R08 counters near 2^31 and 2^32 are refused before any curve work", () => {
    const { alice, bob } = settled();
    const message = parsed(alice.send(hello));
    for (const n of [0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]) {
      refuses(bob, { ...message, header: { ...message.header, n } }, "ERR_RATCHET_TOO_MANY_SKIPPED");
    }
    expect(bob.receiveMessage(message).plaintext).toEqual(hello);
  });

  test("R08 the last counter of all is refused even in a chain that has come so far: the one behind it would not fit into the state", () => {
    const { symmetric } = nobleProvider;
    for (const [n, opens] of [[0xffff_fffe, true], [0xffff_ffff, false]] as const) {
      const { alice, bob } = settled();
      bob.receive(alice.send(hello));
      const [chain, ...older] = bob.state.receiving;
      if (chain === undefined) throw new TypeError("no chain");
      bob.state = { ...bob.state, receiving: [{ ...chain, next: n }, ...older] };
      const { localIdentity: receiver, remoteIdentity: sender } = bob.state;
      const header = { ratchetKey: chain.ratchetKey, n, pn: 0 };
      let ciphertext: Bytes = new Uint8Array(0);
      const sealed = sealWithMessageKey(
        { symmetric, suite: profile.suite, associatedData: profile.suite.associatedData({ initiator: sender, responder: receiver, sender, receiver }) },
        messageKeyOf(symmetric, chain.chainKey), hello, (bytes) => profile.suite.encodeMessage(header, ciphertext = bytes),
      );
      const message = { header, ciphertext, ...sealed };
      if (opens) expect(toHex(bob.receiveMessage(message).plaintext)).toBe(toHex(hello));
      else expect(codeOf(() => bob.receiveMessage(message))).toBe("ERR_CRYPTO_DECRYPT");
    }
  });

  test("R08 an absurd pn stores nothing and does not block the ratchet", () => {
    for (const pn of [skippedKeysPerMessageMax + 2, 0x7fff_ffff, 0xffff_ffff]) {
      const { alice, bob } = settled();
      bob.receive(alice.send(hello));
      const late = alice.send(utf8("late"));
      alice.receive(bob.send(hello));
      alice.state = { ...alice.state, previousSendCount: pn };
      const step = bob.receive(alice.send(hello));
      expect(step.plaintext).toEqual(hello);
      expect(step.skipped.added).toEqual([]);
      expect(bob.receive(late)).toMatchObject({ plaintext: utf8("late"), wasOldChain: true });
    }
  });

  test("R10 pn one too small, as the libsignal family sends it, loses nothing", () => {
    const { alice, bob } = settled();
    bob.receive(alice.send(hello));
    const late = alice.send(utf8("the last of its chain"));
    alice.receive(bob.send(hello));
    alice.state = { ...alice.state, previousSendCount: alice.state.previousSendCount - 1 };
    bob.receive(alice.send(hello));
    expect(bob.receive(late).plaintext).toEqual(utf8("the last of its chain"));
    refuses(bob, parsed(late), "ERR_RATCHET_DUPLICATE");
  });

  test("R10 a message that is more than five chains late still opens", () => {
    const { alice, bob } = settled();
    const late = alice.send(utf8("very late"));
    for (let round = 0; round < receivingChainsMax + 3; round++) {
      bob.receive(alice.send(hello));
      alice.receive(bob.send(hello));
    }
    expect(bob.receive(late)).toMatchObject({ plaintext: utf8("very late"), wasOldChain: true, advanced: false });
  });

  test("R09 at most 1000 skipped keys are stored and the oldest leave first", () => {
    const { alice, bob } = settled();
    const early = [alice.send(utf8("0")), alice.send(utf8("1")), alice.send(utf8("2"))];
    bob.receive(alice.send(hello));
    for (let i = 0; i < skippedKeysPerSessionMax - 2; i++) alice.send(hello);
    const last = alice.send(utf8("last"));
    bob.receive(alice.send(hello));
    expect(bob.skipped.size).toBe(skippedKeysPerSessionMax);
    expect(bob.state.skippedCount).toBe(skippedKeysPerSessionMax);
    expect(new Set(bob.skipped.list().map((key) => key.sequence)).size).toBe(skippedKeysPerSessionMax); // their age: a store sorts by it
    refuses(bob, parsed(early[0] as Bytes), "ERR_RATCHET_DUPLICATE");
    refuses(bob, parsed(early[1] as Bytes), "ERR_RATCHET_DUPLICATE");
    expect(bob.receive(early[2] as Bytes).plaintext).toEqual(utf8("2"));
    expect(bob.receive(last).plaintext).toEqual(utf8("last"));
  });

  test("R08 one message stores at most 1000 keys, counting the end of the old chain", () => {
    const { alice, bob } = settled();
    bob.receive(alice.send(hello));
    for (let i = 0; i < 600; i++) alice.send(hello);
    alice.receive(bob.send(hello));
    for (let i = 0; i < 600; i++) alice.send(hello);
    const step = bob.receive(alice.send(hello));
    expect(step.skipped.added.length).toBe(600);
    expect(bob.state.skippedCount).toBe(600);
  });

  test("R28 a copied state stops decrypting after one round trip", () => {
    const { alice, bob } = settled();
    const copy = decodeRatchet(encodeRatchet(bob.state));
    bob.receive(alice.send(hello));
    alice.receive(bob.send(hello));
    const thief = ratchetPair(nobleProvider, profile, seededRng(99)).bob;
    thief.state = copy;
    const after = parsed(alice.send(hello));
    expect(codeOf(() => thief.receiveMessage(after))).toBe("ERR_CRYPTO_DECRYPT");
    expect(bob.receiveMessage(after).plaintext).toEqual(hello);
  });

  test("a second new ratchet key before we have answered the first is refused", () => {
    const { alice, bob } = pair();
    bob.receive(alice.send(hello));
    alice.state = { ...alice.state, sending: undefined }; // a peer that steps again, with the right root key
    refuses(bob, parsed(alice.send(hello)), "ERR_CRYPTO_DECRYPT");
  });

  test("the sending half is deferred: no fresh key exists before the next send", () => {
    const { alice, bob } = settled();
    const own = bob.state.ownRatchet;
    const step = bob.receive(alice.send(hello));
    expect(step.advanced).toBe(true);
    expect(bob.state.sending).toBeUndefined();
    expect(bob.state.ownRatchet).toBe(own);
    bob.send(hello);
    expect(equalBytes(bob.state.ownRatchet.publicKey, own.publicKey)).toBe(false);
  });

  test("C12 spent secrets are named and belong neither to the new state nor to stored keys", () => {
    const { alice, bob } = settled();
    alice.send(hello);
    const wire = alice.send(hello);
    const before = bob.state;
    const step = bob.receive(wire);
    const kept = toHex(encodeRatchet(step.state));
    expect(step.spent.length).toBeGreaterThan(3);
    for (const secret of step.spent) {
      expect(kept).not.toContain(toHex(secret));
      for (const key of step.skipped.added) expect(equalBytes(key.messageKey, secret)).toBe(false);
    }
    expect(step.spent).toContain(before.rootKey);
  });

  test("the snapshot is small, the same for the same state, and strictly decoded", () => {
    const { alice, bob } = pair();
    for (let round = 0; round < 8; round++) {
      for (const party of [alice, bob]) {
        const snapshot = encodeRatchet(party.state);
        expect(snapshot.length).toBeLessThan(600);
        expect(decodeRatchet(snapshot)).toEqual(party.state);
        expect(encodeRatchet(decodeRatchet(snapshot))).toEqual(snapshot);
        for (let length = 0; length < snapshot.length; length += 7) {
          expect(codeOf(() => decodeRatchet(snapshot.subarray(0, length)))).toBe("ERR_SNAPSHOT_INVALID");
        }
        expect(codeOf(() => decodeRatchet(concatBytes(snapshot, Uint8Array.of(0))))).toBe("ERR_SNAPSHOT_INVALID");
        for (const [at, value] of [[0, 0], [0, 2], [1, 0xff], [1, 0x60], [1, 0x10]] as const) {
          const wrong = Uint8Array.from(snapshot);
          wrong[at] = value;
          expect(codeOf(() => decodeRatchet(wrong))).toBe("ERR_SNAPSHOT_INVALID");
        }
        const lowOrder = Uint8Array.from(snapshot);
        lowOrder.fill(0, 66, 98); // our own public key
        expect(codeOf(() => decodeRatchet(lowOrder))).toBe("ERR_SNAPSHOT_INVALID");
      }
      bob.receive(alice.send(hello));
      alice.receive(bob.send(hello));
    }
  });

  test("a skipped key is a row of its own, strictly decoded", () => {
    const { alice, bob } = settled();
    alice.send(hello);
    bob.receive(alice.send(hello));
    const [key] = bob.skipped.list();
    if (key === undefined) throw new Error("a skipped key");
    const row = encodeSkippedKey({ ...key, sequence: 2 ** 40 + 5 });
    expect(decodeSkippedKey(row)).toEqual({ ...key, sequence: 2 ** 40 + 5 });
    expect(skippedKeyName(key)).toMatch(/^[0-9a-f]{64}-00000000$/);
    for (const wrong of [row.subarray(1), row.subarray(0, -1), concatBytes(row, Uint8Array.of(0)), Uint8Array.of(2, ...row.subarray(1))]) {
      expect(codeOf(() => decodeSkippedKey(wrong))).toBe("ERR_SNAPSHOT_INVALID");
    }
  });

  test("H02 the summary holds numbers and flags only", () => {
    const { alice, bob } = settled();
    alice.send(hello);
    bob.receive(alice.send(hello));
    const summary = describeRatchet(bob.state);
    expect(summary).toEqual({ legacy: profile === legacyProfile, initiator: false, sent: -1, received: 2, receivingChains: 2, skippedKeys: 1 });
    for (const value of Object.values(summary)) expect(["number", "boolean"]).toContain(typeof value);
  });
});
