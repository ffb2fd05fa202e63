/** Messages that come back, live and out of the archive: threats F15, Q01. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { juliet, mercutio, romeo, World } from "../../support/omemo-world.js";
import { carbon, plainLetter, Reception, ServerArchive } from "../../support/reception.js";

const balcony = `${juliet}/balcony`;
const stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
const back = (from: string, to: string, id: string): XmlElement => xml("jabber:client", "message", { from, to, id, type: "error" },
  xml("jabber:client", "error", { type: "cancel" }, xml(stanzas, "item-not-found")));

async function scene(): Promise<{ readonly b: Reception; readonly archive: ServerArchive }> {
  const world = new World();
  const b = await Reception.open(world, juliet);
  const archive = new ServerArchive(juliet, world.clock);
  await b.catchUp.run(b.connect(archive));
  return { b, archive };
}

test("Q01 what came back while nobody was there is learnt from the archive, before the cursor passes it", async () => {
  const { b, archive } = await scene();
  archive.store(plainLetter(romeo, juliet, "1", "hello"));
  archive.store(back(romeo, balcony, "lost"));
  const seen: number[] = [];
  const commit = b.store.commit.bind(b.store);
  b.store.commit = (changes, fence) => { if (changes.some(({ key }) => key === "client/archive")) seen.push(b.refused.length); return commit(changes, fence); };
  await b.catchUp.run(b.connect(archive));
  expect([b.refused, seen[0]]).toEqual([[`lost ${romeo} item-not-found`], 1]);
  expect(await b.texts()).toEqual(["hello"]);
});

test("it says nothing where history is paged back to", async () => {
  const { b, archive } = await scene();
  archive.store(back(romeo, balcony, "lost"));
  await b.receiver.takePage(archive.messages, { older: true, commit: () => undefined });
  expect(b.refused).toEqual([]);
});

test("F15 what another device of ours says of a message of somebody else's says nothing of ours with the same id", async () => {
  const { b, archive } = await scene();
  const ours = back(balcony, `${mercutio}/street`, "chosen by Mercutio");
  await b.take(carbon("sent", juliet, balcony, ours), b.connect(archive, true));
  archive.store(ours);
  await b.catchUp.run(b.connect(archive));
  expect(b.refused).toEqual([]);
});
