/** A long catch-up, broken off at random again and again (Node only: it takes a while). */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";

import type { CryptoProvider } from "../../../src/crypto/provider.js";
import { faultyStore, type FaultyStore } from "../../../src/testing/faulty-store.js";
import { TransportError } from "../../../src/transport/errors.js";
import { juliet, romeo, World } from "../../support/omemo-world.js";
import { Reception, sealedLetter, ServerArchive } from "../../support/reception.js";
import { defaultProvider } from "#provider";

const count = 10_000;
const seed = Number(process.env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
/** One answer of the archive in so many is lost with its stream. */
const answersPerCut = 12;
/** More lives than that make no progress. */
const deathsMax = 500;

/** Numbers from 0 to below 1, the same for a seed. */
function numbers(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What was decrypted under which key, over all lives. One that dies before its commit does the same again, and nothing else (threats C09). */
class Opened {
  readonly #plaintexts = new Map<string, string>();
  /** Keys under which two plaintexts came out. Must stay 0. */
  reused = 0;

  get keys(): number {
    return this.#plaintexts.size;
  }

  provider(inner: CryptoProvider): CryptoProvider {
    const aesCbcDecrypt: CryptoProvider["symmetric"]["aesCbcDecrypt"] = (key, iv, ciphertext) => {
      const plaintext = inner.symmetric.aesCbcDecrypt(key, iv, ciphertext);
      if (plaintext !== undefined) this.#note(hash(key), hash(plaintext));
      return plaintext;
    };
    return { ...inner, symmetric: { ...inner.symmetric, aesCbcDecrypt } };
  }

  #note(key: string, plaintext: string): void {
    const known = this.#plaintexts.get(key);
    if (known !== undefined && known !== plaintext) this.reused += 1;
    this.#plaintexts.set(key, plaintext);
  }
}

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("base64");

/** The archive of 10,000 messages from Romeo, and Juliet's device as it was before them. */
async function verona(): Promise<{ readonly world: World; readonly archive: ServerArchive; readonly first: Reception }> {
  const world = new World();
  const a = await world.device(romeo);
  const first = await Reception.open(world, juliet);
  await first.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  await first.catchUp.run(first.connect(archive));
  for (let i = 0; i < count; i++) {
    const text = `text ${i.toString()}`;
    archive.store(sealedLetter(`${romeo}/orchard`, juliet, text, await a.send(juliet, text)));
  }
  return { world, archive, first };
}

async function textsOf({ log }: Reception): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let after = 0; ;) {
    const page = await log.page({ after, limit: 1_000 });
    texts.push(...page.map(({ text, unreadable }) => unreadable ?? text));
    if (page.length < 1_000) return texts;
    after = page.at(-1)?.position ?? after;
  }
}

test("Q17 Q16 D01 10,000 archived encrypted messages are caught up completely, once and in order, though the process dies and the link breaks at random", { timeout: 600_000 }, async () => {
  console.info(`SOTTO_SEED=${seed.toString()}`);
  const random = numbers(seed);
  const { world, archive, first: { disk } } = await verona();
  const opened = new Opened();
  const provider = opened.provider(defaultProvider);
  let [deaths, cuts, commits] = [0, 0, 0];
  let done: Reception | undefined;
  while (done === undefined) {
    // A life lasts for some commits; each of them holds a page.
    const at = 1 + Math.floor(random() * 25);
    const kind = (["die-before", "die-after", "fail"] as const)[Math.floor(random() * 3)] ?? "fail";
    const link = new AbortController();
    archive.beforeAnswer = () => {
      if (random() * answersPerCut >= 1) return;
      cuts += 1;
      link.abort();
      throw new TransportError("ERR_STREAM_CLOSED", "scripted", { retryable: true });
    };
    let store: FaultyStore | undefined;
    try {
      const b = await Reception.open(world, juliet, { disk, provider, store: (inner) => (store = faultyStore(inner, { at, kind, operations: ["commit"] })) });
      await b.catchUp.run(b.connect(archive, false, link.signal));
      done = b;
    } catch (error) {
      deaths += 1;
      if (deaths > deathsMax) throw error;
    } finally {
      commits += store?.counted ?? 0;
    }
  }
  const texts = await textsOf(done);
  expect(texts).toHaveLength(count);
  expect(texts.every((text, i) => text === `text ${i.toString()}`)).toBe(true);
  expect(Math.min(deaths - cuts, cuts)).toBeGreaterThan(0);
  // One commit per page, the one that each death has cost, and those at the end of it all: not one per message.
  expect(commits).toBeLessThanOrEqual(count / archive.pageMax + deaths + 2);
  expect(opened.reused).toBe(0);
  expect(opened.keys).toBeGreaterThanOrEqual(count);
  console.info(`${deaths.toString()} lives were broken off, ${cuts.toString()} of them by the link; ${commits.toString()} commits, ${opened.keys.toString()} keys`);
});
