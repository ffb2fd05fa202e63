/** D13: receipts, markers and read positions that have to do with a message that cannot be read. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { bareJid } from "../../../src/base/jid.js";
import { xml } from "../../../src/base/xml.js";
import { Gate } from "../../../src/client/contact-policy/gate.js";
import { readContent } from "../../../src/client/receive/content.js";
import { takeEvidence } from "../../../src/client/receive/evidence.js";
import { ReadState } from "../../../src/client/receive/read-state.js";
import type { ReadPositions } from "../../../src/transport/features/read-positions.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import { damagedStore } from "../../support/damaged-store.js";
import { append, type LogWorld, openLog, received, sent } from "../../support/log-world.js";
import { FakeClock, juliet, mercutio, romeo } from "../../support/omemo-world.js";

const nurse = bareJid("nurse@example.org");
const ways = ["record", "store"] as const;

/** Spoils the row that `keyOf` names, behind what `append` has written. */
async function damaged(world: LogWorld, way: (typeof ways)[number], keyOf: (log: LogWorld["log"]) => Parameters<typeof world.disk.rows.set>[0]): Promise<LogWorld> {
  if (way === "record") world.disk.rows.set(keyOf(world.log), utf8("?"));
  return openLog(world.disk, () => damagedStore(world.disk, new Set(way === "store" ? [keyOf(world.log)] : [])));
}

async function readState(world: LogWorld) {
  const told: string[] = [];
  const errors: unknown[] = [];
  const around = { emit: () => undefined, onError: (error: unknown) => { errors.push(error); } };
  const gate = await Gate.load({ ...world, ...around, account: juliet, clock: new FakeClock(), contact: () => ({ subscription: "both", groups: [] }), isBlocked: () => false, isHidden: () => false });
  const state = new ReadState({ ...world, ...around, gate, notify: async (_tx, to, content) => { told.push(`${to} ${content[0]?.attrs["id"] ?? ""}`); } });
  return { state, told, errors };
}

test.each(ways)("D13 F15 a marker is taken in although a message before the one that it names cannot be read, and counts for the others (%s)", async (way) => {
  const before = await openLog();
  await append(before, sent("1"), sent("2"), sent("3"), sent("4"));
  const world = await damaged(before, way, (log) => log.keys.message(romeo, 2));
  await world.ledger.run((tx) => takeEvidence(tx, world.log, readContent([encodeDisplayed("4")]), { from: romeo, authenticated: true }));
  expect((await world.log.page()).map(({ text, delivery }) => `${text} ${delivery?.state ?? ""}`)).toEqual(["1 displayed", "3 displayed", "4 displayed"]);
});

test.each(ways)("D13 F15 a receipt or marker about a message that cannot be read keeps none of the same stanza from counting (%s)", async (way) => {
  const before = await openLog();
  await append(before, sent("1"), sent("2"), sent("3"));
  const world = await damaged(before, way, (log) => log.keys.message(romeo, 2));
  const content = readContent([xml("jabber:client", "body", {}, "hi"), ...["1", "2", "3"].map(encodeReceipt), encodeDisplayed("2"), encodeDisplayed("3")]);
  await world.ledger.run((tx) => takeEvidence(tx, world.log, content, { from: romeo, authenticated: true }));
  expect((await world.log.page()).map(({ text, delivery }) => `${text} ${delivery?.state ?? ""}`)).toEqual(["1 displayed", "3 displayed"]);
});

test.each(ways)("D13 a conversation is marked as displayed past a message that cannot be read, and its sender is told (%s)", async (way) => {
  const before = await openLog();
  await append(before, ...["1", "2", "3"].map((text) => received(text, romeo, { markable: true })), received("4"));
  const world = await damaged(before, way, (log) => log.keys.message(romeo, 2));
  const { state, told } = await readState(world);
  await state.markDisplayed(romeo, 4);
  expect([await state.position(romeo), told]).toEqual([4, [`${romeo} 3`]]);
});

test.each(ways)("D13 a read position that cannot be read is written anew with the next move (%s)", async (way) => {
  const before = await openLog();
  await append(before, received("1"), received("2"));
  await before.ledger.run((tx) => { before.log.writeRead(tx, romeo, { conversation: romeo, position: 1 }); });
  const world = await damaged(before, way, (log) => log.keys.readPosition(romeo));
  const { state } = await readState(world);
  await state.markDisplayed(romeo, 2);
  expect(await state.position(romeo)).toBe(2);
});

test.each(ways)("D13 positions of other devices are learnt although one names a message that cannot be read (%s)", async (way) => {
  const before = await openLog();
  await append(before, received("1", romeo, { stanzaId: "a1" }), received("2", mercutio, { stanzaId: "a2" }));
  const world = await damaged(before, way, (log) => log.keys.message(romeo, 1));
  const { state } = await readState(world);
  const positions = {
    onPosition: () => () => undefined,
    fetchAll: async () => ({ kind: "found", value: [{ conversation: romeo, stanzaId: "a1" }, { conversation: mercutio, stanzaId: "a2" }] }),
  } as unknown as ReadPositions;
  await state.attach(positions, new AbortController().signal);
  expect([await state.position(romeo), await state.position(mercutio)]).toEqual([1, 2]);
});

test.each(ways)("D13 other devices are told how far conversations were read although one row about that cannot be read (%s)", async (way) => {
  const before = await openLog();
  await append(before, received("1", romeo, { stanzaId: "a1" }), received("2", mercutio, { stanzaId: "a2" }), received("3", nurse, { stanzaId: "a3" }));
  await before.ledger.run((tx) => { before.log.writeRead(tx, nurse, { conversation: nurse, position: 3, unpublished: "a3" }); });
  const world = await damaged(before, way, (log) => log.keys.readPosition(nurse));
  const { state, errors } = await readState(world);
  const published: string[] = [];
  const positions = {
    onPosition: () => () => undefined, fetchAll: async () => ({ kind: "none" }), publish: async (jid: string, id: string) => { published.push(`${jid} ${id}`); },
  } as unknown as ReadPositions;
  await state.markDisplayed(romeo, 1);
  await state.attach(positions, new AbortController().signal);
  await state.markDisplayed(mercutio, 2);
  await expect.poll(() => published.sort()).toEqual([`${mercutio} a2`, `${romeo} a1`]);
  expect(new Set(errors.map((error) => (error as { readonly code: string }).code)).size).toBe(1); // and it is told
});
