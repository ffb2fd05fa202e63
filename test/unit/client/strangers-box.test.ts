/** The box itself: its bounds, its rows, and commits that fail. */
import { expect, test } from "vitest";
import type { BareJid } from "../../../src/base/jid.js";
import { strangersBytesMax, strangersMessagesMax, strangersMessagesPerSenderMax } from "../../../src/base/limits.js";
import { Box, type BoxPlace } from "../../../src/client/contact-policy/box.js";
import { Engine } from "../../../src/client/contact-policy/engine.js";
import type { ClientEvent } from "../../../src/client/events.js";
import { openLog, received } from "../../support/log-world.js";
import { FakeClock, juliet, mercutio, romeo } from "../../support/omemo-world.js";

const who = (i: number): BareJid => `s${String(i)}@example.org` as BareJid;
const summary = (places: readonly BoxPlace[]): string => places.map(({ place, jid }) => `${String(place)} ${jid.split("@")[0] ?? ""}`).join(", ");

test("H06 the defaults are the documented limits", () => {
  expect([strangersMessagesPerSenderMax, strangersMessagesMax, strangersBytesMax]).toEqual([100, 1_000, 8 * 1024 * 1024]);
});

test("L02 H06 one sender's flood drives out his own oldest messages, many senders' the oldest of all, and each is named", async () => {
  const { ledger, store } = await openLog();
  const box = await Box.load(store, { messages: 5, perSender: 3, bytes: 1_000_000 });
  const put = (from: BareJid): Promise<string> => ledger.run((tx) => summary(box.put(tx, received("x", from)).dropped));
  expect([await put(romeo), await put(mercutio), await put(mercutio), await put(mercutio)]).toEqual(["", "", "", ""]);
  expect(await put(mercutio)).toBe("2 mercutio");
  expect(await put(who(1))).toBe("");
  expect(await put(who(2))).toBe("1 romeo");
  expect(summary(box.places)).toBe("3 mercutio, 4 mercutio, 5 mercutio, 6 s1, 7 s2");
  expect(summary((await Box.load(store)).places)).toBe(summary(box.places));
  expect((await store.list({ prefix: "client/strangers/" })).length).toBe(10);
});

test("H06 the box holds a bounded number of bytes, and the newest message whatever its size", async () => {
  const { ledger, store } = await openLog();
  const box = await Box.load(store, { messages: 100, perSender: 100, bytes: 3_000 });
  for (let i = 0; i < 10; i++) await ledger.run((tx) => { box.put(tx, received("y".repeat(800), who(i))); });
  expect(box.places.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(3_000);
  await ledger.run((tx) => { box.put(tx, received("z".repeat(10_000), romeo)); });
  expect(summary(box.places)).toBe("11 romeo");
});

test("H06 without other bounds the box holds the documented number of messages and bytes, and of one more the oldest leaves", async () => {
  const { ledger, store } = await openLog();
  const box = await Box.load(store);
  const dropped = (text: string, from: BareJid): Promise<string> => ledger.run((tx) => summary(box.put(tx, received(text, from)).dropped));
  await ledger.run((tx) => { for (let i = 1; i <= 1_000; i++) box.put(tx, received("x", who(i))); });
  expect(box.places).toHaveLength(1_000);
  expect(await dropped("x", juliet)).toBe("1 s1");
  await ledger.run((tx) => { box.clear(tx, undefined); });
  const large = "y".repeat(500_000); // a megabyte in its row, where it is the id, too: eight of them fit
  for (let i = 1; i <= 8; i++) expect(await dropped(large, who(i))).toBe("");
  expect(await dropped(large, who(9))).toBe("1 s1");
});

test("D01 a commit that fails leaves box and memory as they were", async () => {
  let failing = false;
  const { ledger, store } = await openLog(undefined, (inner) => {
    const commit = inner.commit.bind(inner);
    inner.commit = (changes, fence) => (failing ? Promise.reject(new RangeError("disk")) : commit(changes, fence));
    return inner;
  });
  const box = await Box.load(store, { messages: 2, perSender: 2, bytes: 1_000_000 });
  for (const from of [romeo, mercutio]) await ledger.run((tx) => { box.put(tx, received("x", from)); });
  failing = true;
  await expect(ledger.run((tx) => { box.put(tx, received("x", juliet)); box.clear(tx, mercutio); })).rejects.toThrow("disk");
  expect(summary(box.places)).toBe("1 romeo, 2 mercutio");
  failing = false;
  await ledger.run((tx) => { box.put(tx, received("x", juliet)); });
  expect(summary(box.places)).toBe("2 mercutio, 3 juliet");
  expect(await ledger.read(async (tx) => (await box.read(tx, juliet)).map(({ message }) => message.text))).toEqual(["x"]);
});

test("what leaves the box for want of room is told with its sender, before what came", async () => {
  const world = await openLog();
  const events: ClientEvent[] = [];
  const engine = await Engine.load({ ...world, clock: new FakeClock(), emit: (event) => { events.push(event); }, onError: () => undefined });
  for (let i = 0; i <= strangersMessagesPerSenderMax; i++) await world.ledger.run((tx) => { engine.putAside(tx, received(String(i), romeo)); });
  expect(events.slice(-2)).toMatchObject([{ kind: "stranger-message-dropped", jid: romeo }, { kind: "stranger-message", message: { text: "100" } }]);
  expect(engine.strangers.getSnapshot()).toMatchObject([{ jid: romeo, messages: strangersMessagesPerSenderMax }]);
});
