/** The total of skipped message keys against peers that make us count wrongly: threats R09, R10. @module */
import { beforeEach, expect, test } from "vitest";
import type { Bytes } from "../../../src/base/bytes.js";
import type { BareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { Ledger } from "../../../src/session/ledger.js";
import { Omemo } from "../../../src/session/omemo.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { readRecord } from "../../../src/session/records/fields.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { enforceSkippedTotal } from "../../../src/session/skipped-rows.js";
import { blindTrustBeforeVerification } from "../../../src/session/trust/blind-trust.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { sceEnvelopeCodec } from "../../../src/transport/xep/xep0420.js";
import { juliet, mercutio, romeo, TestDevice, World } from "../../support/omemo-world.js";

const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
const skippedRows = (device: TestDevice): number => [...device.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/skipped/")).length;

let world: World;
let b: TestDevice;
/** An honest contact's messages: the last is read, the others are still under way. */
let late: readonly EncryptedMessage[];

async function empties(from: TestDevice, count: number): Promise<readonly EncryptedMessage[]> {
  return from.ledger.run(async (tx) => {
    const messages: EncryptedMessage[] = [];
    for (let n = 0; n < count; n++) messages.push(await from.omemo.sealEmpty(tx, b.address) as EncryptedMessage);
    return messages;
  });
}

async function total(): Promise<number> {
  const row = await b.ledger.read((tx) => tx.get(keys.skippedTotal()));
  return row === undefined ? 0 : readRecord(row, 1, (reader) => reader.uint(6));
}

const enforce = (cap: number): Promise<void> => b.ledger.run((tx) => enforceSkippedTotal(tx, {
  account: juliet, provider: nobleProvider, rng: systemRng(), clock: world.clock, profile: omemo2Profile, keys, emit: () => undefined,
}, cap));

/** A peer whose next ratchet keys are all made of the same random bytes. */
class Hostile {
  readonly device: TestDevice;
  readonly #force: (random: Bytes | undefined) => void;
  readonly #random = systemRng()(32);

  private constructor(device: TestDevice, force: (random: Bytes | undefined) => void) {
    this.device = device;
    this.#force = force;
  }

  static async open(): Promise<Hostile> {
    let forced: Bytes | undefined;
    const random = systemRng();
    const disk = memoryDisk();
    const store = memoryStore(disk);
    const ledger = new Ledger(store, await store.acquire());
    const omemo = await Omemo.open({
      account: mercutio, ledger, provider: nobleProvider, clock: world.clock, directory: world.server.directoryOf(mercutio), codec: sceEnvelopeCodec,
      trust: blindTrustBeforeVerification, rng: (length) => (length === 32 && forced !== undefined ? forced.slice() : random(length)),
    });
    await omemo.announce();
    const hostile = new Hostile(new TestDevice(mercutio, disk, store, ledger, omemo), (bytes) => { forced = bytes; });
    await b.open(mercutio, await hostile.device.send(juliet, "a session"));
    await hostile.#turn();
    return hostile;
  }

  /** Makes `b` skip `count` keys of the chain whose ratchet key is always the same, and lets that chain be forgotten. */
  async skip(count: number): Promise<void> {
    this.#force(this.#random);
    const messages = await empties(this.device, count + 1);
    this.#force(undefined);
    expect((await b.open(mercutio, messages[count] as EncryptedMessage)).kind).toBe("empty");
    for (let n = 0; n < 5; n++) {
      await this.#turn();
      await b.open(mercutio, (await empties(this.device, 1))[0] as EncryptedMessage);
    }
    await this.#turn();
  }

  async #turn(): Promise<void> {
    await this.device.open(juliet, await b.sendEmpty(this.device.address));
  }
}

/** Another device of `jid`, of whose messages `b` has read the last and not the `count` before. */
async function skipping(jid: BareJid, count: number): Promise<readonly EncryptedMessage[]> {
  world.clock.time += 1_000;
  const device = await world.device(jid);
  await b.open(jid, await device.sendEmpty(b.address));
  const messages = await empties(device, count + 1);
  expect((await b.open(jid, messages[count] as EncryptedMessage)).kind).toBe("empty");
  return messages.slice(0, count);
}

beforeEach(async () => {
  world = new World();
  b = await world.device(juliet);
  const a = await world.device(romeo);
  await b.open(romeo, await a.send(juliet, "the oldest session"));
  const messages = await empties(a, 5);
  await b.open(romeo, messages[4] as EncryptedMessage);
  late = messages.slice(0, 4);
  world.clock.time += 1_000;
});

test("R09 R10 a peer that uses a ratchet key again lets his account count too much, and loses his own late messages by it: nobody else's are lost", async () => {
  const hostile = await Hostile.open();
  await hostile.skip(100);
  await hostile.skip(100);
  expect([skippedRows(b), await total()]).toEqual([104, 204]);
  await enforce(150);
  expect([skippedRows(b), await total()]).toEqual([4, 4]);
  for (const message of late) expect((await b.open(romeo, message)).kind).toBe("empty");
  expect([skippedRows(b), await total()]).toEqual([0, 0]);
});

test("R09 the total never falls behind the rows, whatever the peer's session believes to hold", async () => {
  const hostile = await Hostile.open();
  await hostile.skip(500);
  await hostile.skip(500); // 500 rows, of which the session counts 1,000
  await hostile.skip(600); // the session drops 600 of its 500 first
  expect([skippedRows(b), await total()]).toEqual([604, 1_104]);
  await enforce(900);
  expect([skippedRows(b), await total()]).toEqual([4, 4]);
});

test("R09 L01 once the cap is passed there is room for a tenth of it, so that not every message makes us count", async () => {
  const young = await skipping(romeo, 96);
  await enforce(99);
  expect([skippedRows(b), await total()]).toEqual([0, 0]); // that the oldest have left makes too little room
  expect((await b.open(romeo, young[0] as EncryptedMessage)).kind).toBe("duplicate");
});

test("R09 L02 skipped keys leave from the account that holds most, its oldest first: a stranger's devices drive out each other's, and no contact's late message", async () => {
  const old = await skipping(mercutio, 50);
  const young = await skipping(mercutio, 50);
  await enforce(90);
  expect([skippedRows(b), await total()]).toEqual([54, 54]);
  expect((await b.open(mercutio, old[0] as EncryptedMessage)).kind).toBe("duplicate");
  for (const message of late) expect((await b.open(romeo, message)).kind).toBe("empty");
  expect((await b.open(mercutio, young[0] as EncryptedMessage)).kind).toBe("empty");
});
