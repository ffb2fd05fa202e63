/** Curves that answer late and out of order, as WebCrypto's may: nothing but the queue keeps the steps of a session apart. @module */
import { expect, test } from "vitest";
import { randomInteger } from "../../../src/base/rng.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { CryptoProvider } from "../../../src/crypto/provider.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { juliet, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";
import { seededRng } from "../../support/ratchet-pair.js";

const { env } = (globalThis as { process?: { env: Readonly<Record<string, string>> } }).process ?? { env: {} };
const seed = Number(env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
console.info(`SOTTO_SEED=${String(seed)}`);

/** Each result comes after up to three turns; arguments are read after that, so whoever wipes one too early gives a wrong result. */
function lateProvider(random: ReturnType<typeof seededRng>): CryptoProvider {
  const { curve } = nobleProvider;
  const late = async <T>(compute: () => T): Promise<Awaited<T>> => {
    for (let turns = randomInteger(random, 0, 3); turns > 0; turns--) await new Promise((resolve) => { setTimeout(resolve, 0); });
    return await compute();
  };
  return {
    name: "late", symmetric: nobleProvider.symmetric, curve: {
      x25519PublicKey: (privateKey) => late(() => curve.x25519PublicKey(privateKey)),
      x25519: (privateKey, publicKey) => late(() => curve.x25519(privateKey, publicKey)),
      ed25519PublicKey: (key) => late(() => curve.ed25519PublicKey(key)),
      ed25519Sign: (key, message) => late(() => curve.ed25519Sign(key, message)),
      ed25519Verify: (publicKey, message, signature) => late(() => curve.ed25519Verify(publicKey, message, signature)),
    },
  };
}

test("C09 sending and receiving side by side over late curves: everything opens once, no key is used twice", async () => {
  const random = seededRng(seed);
  const world = new World();
  const provider = lateProvider(random);
  const [a, b] = await Promise.all([world.device(romeo, { provider }), world.device(juliet, { provider })]);
  const opened: string[] = [];
  const onTheWire = new Set<string>();
  const deliver = async (to: TestDevice, from: TestDevice, message: EncryptedMessage): Promise<void> => {
    for (const { data } of message.keys) {
      expect(onTheWire).not.toContain(data.join());
      onTheWire.add(data.join());
    }
    const outcomes = await Promise.all([to.open(from.jid, message), to.open(from.jid, message)]);
    const texts = outcomes.map(textOfOutcome);
    expect(texts).toContain("duplicate");
    opened.push(...texts.filter((text) => text !== "duplicate"));
  };
  const say = async (from: TestDevice, to: TestDevice, text: string): Promise<void> => deliver(to, from, await from.send(to.jid, text));
  const all: string[] = [];
  const rounds: Promise<void>[] = [];
  for (let i = 0; i < 25; i++) {
    const texts = [`r${i.toString()}`, `j${i.toString()}`] as const;
    all.push(...texts);
    rounds.push(say(a, b, texts[0]), say(b, a, texts[1]));
    if (randomInteger(random, 0, 2) === 0) await Promise.all(rounds.splice(0)); // now and then a turn of the ratchet
  }
  await Promise.all(rounds);
  expect(opened.sort()).toEqual(all.sort());
  expect(onTheWire.size).toBe(all.length);
});
