/** More comes live than may wait while the archive is read: what is left to the archive is acknowledged when it has been read, and not before. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import type { Connection } from "../../../src/client/link.js";
import { Held, heldSizeMax, heldStanzasMax, type Waiting } from "../../../src/client/receive/held.js";
import { TransportError } from "../../../src/transport/errors.js";
import { juliet, romeo, World } from "../../support/omemo-world.js";
import { plainLetter, Reception, ServerArchive, withStanzaId } from "../../support/reception.js";

const total = heldStanzasMax + 10;
const forbidden = (): TransportError => new TransportError("ERR_STANZA_ERROR", "scripted", { details: { condition: "forbidden" } });
const texts = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `o${from + i}`);

async function scene(): Promise<{ readonly b: Reception; readonly archive: ServerArchive }> {
  const world = new World();
  const b = await Reception.open(world, juliet);
  await b.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  await b.catchUp.run(b.connect(archive));
  return { b, archive };
}

const letter = (n: number): ReturnType<typeof plainLetter> => plainLetter(romeo, juliet, `o${n}`, `o${n}`);

/** Comes live, with the id under which our server's archive should have it. */
function flood(b: Reception, connection: Connection, from: number, to: number): void {
  for (let n = from; n <= to; n++) b.accept(withStanzaId(letter(n), juliet, `s${n}`), connection);
}

/** What the server is told: acknowledgements are cumulative. */
function acknowledged(b: Reception): number {
  let h = 0;
  while (b.released.includes(h + 1)) h += 1;
  return h;
}

async function logged(b: Reception): Promise<readonly string[]> {
  const first = await b.log.page({ limit: 1_000 });
  const last = first.at(-1);
  const rest = last === undefined ? [] : await b.log.page({ limit: 1_000, after: last.position });
  return [...first, ...rest].map(({ text }) => text);
}

test.each([
  ["refuses", (archive: ServerArchive, then: () => void) => { archive.beforeAnswer = () => { then(); throw forbidden(); }; }],
  ["is not there", (archive: ServerArchive, then: () => void) => { archive.supported = async () => { then(); return false; }; }],
])("Q06 L03 what was left to an archive that %s is not acknowledged: the stream ends, and it comes again with the next one", async (_what, refuse) => {
  const { b, archive } = await scene();
  const first = b.connect(archive);
  refuse(archive, () => { flood(b, first, 1, total); });
  await expect(b.catchUp.run(first)).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
  await b.receiver.settled();
  expect(await logged(b)).toEqual(texts(1, heldStanzasMax)); // what came first is taken in: the next connection has less to bring
  expect(acknowledged(b)).toBe(heldStanzasMax);
  const next = b.connect(archive);
  refuse(archive, () => { flood(b, next, heldStanzasMax + 1, total); });
  expect(await b.catchUp.run(next)).toBe(false);
  expect(await logged(b)).toEqual(texts(1, total));
  await b.take(withStanzaId(letter(total + 1), juliet, `s${total + 1}`), next);
  expect(await logged(b)).toEqual(texts(1, total + 1));
});

test("Q06 L03 an archive that answers once and refuses when it is read again has given nothing of what was left to it", async () => {
  const { b, archive } = await scene();
  archive.store(plainLetter(romeo, juliet, "missed", "missed"));
  const before = archive.queries.length;
  const live = b.connect(archive);
  archive.beforeAnswer = () => {
    if (archive.queries.length > before + 1) {
      flood(b, live, total + 1, total + 3); // wait, behind what was left
      throw forbidden();
    }
    flood(b, live, 1, total);
  };
  await expect(b.catchUp.run(live)).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
  await b.receiver.settled();
  expect(await logged(b)).toEqual(["missed"]);
  expect(acknowledged(b)).toBe(0);
  expect(b.disk.rows.has("test/inbound" as never)).toBe(false);
});

test("Q06 L03 what was left to the archive is acknowledged once it has been read from there", async () => {
  const { b, archive } = await scene();
  archive.store(plainLetter(romeo, juliet, "missed", "missed"));
  const before = archive.queries.length;
  const live = b.connect(archive);
  const during: number[] = [];
  archive.beforeAnswer = () => {
    during.push(acknowledged(b));
    if (archive.queries.length > before + 1) return;
    for (let n = 1; n <= total; n++) b.accept(archive.store(letter(n)), live);
    const flooded = archive.messages.splice(1); // the answer was made before they came
    queueMicrotask(() => queueMicrotask(() => { archive.messages.push(...flooded); }));
  };
  expect(await b.catchUp.run(live)).toBe(true);
  expect(await logged(b)).toEqual(["missed", ...texts(1, total)]);
  expect(during.length).toBeGreaterThan(2);
  expect(new Set(during)).toEqual(new Set([0]));
  expect(acknowledged(b)).toBe(total);
});

test("H06 however many are left to the archive, one of them is kept from being acknowledged, and none of them is kept", () => {
  const held = new Held(juliet);
  const released: number[] = [];
  const many = 5 * heldStanzasMax;
  for (let n = 1; n <= many; n++) held.add({ stanza: withStanzaId(letter(n), juliet, `s${n}`), release: () => { released.push(n); } });
  expect(released).toEqual(Array.from({ length: many - heldStanzasMax - 1 }, (_, i) => heldStanzasMax + 2 + i));
  expect(held.owed).toBe(true);
  expect(held.takeOverflow()).toEqual([]);
  expect([released.length, released.includes(1)]).toEqual([many - 1, false]); // the oldest stands for all
  expect(held.takeOverflow()).toBeUndefined();
  expect([released.length, held.owed]).toEqual([many, false]);
});

test("Q06 L03 what waits is bounded by its size as well: up to it stanzas wait, beyond it those that no archive has go ahead", () => {
  for (const over of [-1, 0, 1]) {
    const held = new Held(juliet);
    const stanza = (length: number): XmlElement => xml("jabber:client", "message", {}, "x".repeat(length));
    const waiting = (length: number): Waiting => ({ stanza: stanza(length), release: () => undefined });
    const each = 64; // what an element counts for beside its text
    expect([held.add(waiting(heldSizeMax - 2 * each - 10)), held.add(waiting(10 + over)), held.add(waiting(0))]).toEqual([true, over <= 0, false]);
  }
});
