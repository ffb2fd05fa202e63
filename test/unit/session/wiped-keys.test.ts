/** What was used to seal and to open is overwritten once its commit is through: threats C12. @module */
import { expect, test } from "vitest";
import { copyBytes } from "../../../src/base/bytes.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { CryptoProvider } from "../../../src/crypto/provider.js";
import { juliet, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

/** The very arrays that pass through a provider and must not outlive their use, with a copy of what was in them. */
class Secrets {
  readonly #seen: { readonly what: string; readonly held: Uint8Array; readonly was: Uint8Array }[] = [];

  note<T extends Uint8Array | undefined>(what: string, held: T): T {
    if (held !== undefined) this.#seen.push({ what, held, was: copyBytes(held) });
    return held;
  }

  /** Kinds of secrets that have been there since the last call, and those of which a byte is still there. */
  take(): { readonly kinds: readonly string[]; readonly left: readonly string[] } {
    const seen = this.#seen.splice(0).filter(({ was }) => was.some((byte) => byte !== 0)); // of an empty message there is nothing to overwrite
    const left = seen.filter(({ held }) => held.some((byte) => byte !== 0)).map(({ what }) => what);
    return { kinds: [...new Set(seen.map(({ what }) => what))].sort(), left };
  }
}

/** A provider that notes keys and plaintexts: what goes into the cipher and comes out of it, and the key of one message (HMAC of the byte 1). */
function watched(secrets: Secrets): CryptoProvider {
  const { curve, symmetric } = nobleProvider;
  return {
    name: "watched", curve,
    symmetric: {
      sha256: (data) => symmetric.sha256(data),
      sha512: (data) => symmetric.sha512(data),
      hmacSha256: (key, data) => {
        const mac = symmetric.hmacSha256(key, data);
        if (data.length !== 1) return mac;
        secrets.note("chain key", key);
        return data[0] === 1 ? secrets.note("message key", mac) : mac; // the next chain key is kept
      },
      hkdfSha256: (salt, inputKey, info, length) => symmetric.hkdfSha256(salt, inputKey, info, length),
      aesCbcEncrypt: (key, iv, plaintext) => symmetric.aesCbcEncrypt(secrets.note("cipher key", key), iv, secrets.note("plaintext", plaintext)),
      aesCbcDecrypt: (key, iv, ciphertext) => secrets.note("plaintext", symmetric.aesCbcDecrypt(secrets.note("cipher key", key), iv, ciphertext)),
    },
  };
}

async function pair(): Promise<{ readonly a: TestDevice; readonly b: TestDevice; readonly ofA: Secrets; readonly ofB: Secrets }> {
  const world = new World();
  const [ofA, ofB] = [new Secrets(), new Secrets()];
  const [a, b] = [await world.device(romeo, { provider: watched(ofA) }), await world.device(juliet, { provider: watched(ofB) })];
  return { a, b, ofA, ofB };
}

const all = ["chain key", "cipher key", "message key", "plaintext"];

test("C12 of a message that was sealed and opened no key and no plaintext is left, in a new session and in one that goes on", async () => {
  const { a, b, ofA, ofB } = await pair();
  for (const text of ["first", "second"]) {
    const message = await a.send(juliet, text);
    expect(ofA.take()).toEqual({ kinds: all, left: [] });
    expect(textOfOutcome(await b.open(romeo, message))).toBe(text);
    expect(ofB.take()).toEqual({ kinds: all, left: [] });
    const answer = await b.send(romeo, `${text} answered`);
    expect(ofB.take()).toEqual({ kinds: all, left: [] });
    expect(textOfOutcome(await a.open(juliet, answer))).toBe(`${text} answered`);
    expect(ofA.take()).toEqual({ kinds: all, left: [] });
  }
});

test("C12 nor of a message that came late: its key leaves memory as it leaves the store", async () => {
  const { a, b, ofB } = await pair();
  const [late, early] = [await a.send(juliet, "late"), await a.send(juliet, "early")];
  await b.open(romeo, early);
  ofB.take(); // the keys that were passed over are kept
  expect(textOfOutcome(await b.open(romeo, late))).toBe("late");
  expect(ofB.take()).toEqual({ kinds: ["cipher key", "plaintext"], left: [] });
});

test("C12 before the commit nothing is overwritten that a second attempt would need: work that is given up leaves a device that goes on", async () => {
  const { a, b, ofA } = await pair();
  await b.open(romeo, await a.send(juliet, "before"));
  ofA.take();
  const plan = await a.omemo.prepare([juliet]);
  const givenUp = new RangeError("given up");
  await expect(a.ledger.run(async (tx) => {
    await a.omemo.seal(tx, plan, [], { to: juliet });
    throw givenUp;
  })).rejects.toBe(givenUp);
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "after")))).toBe("after");
});
