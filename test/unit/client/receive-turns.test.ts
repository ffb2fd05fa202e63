/** Taking in many messages leaves the thread to others in between: a page keeps answering its user. @module */
import { expect, test } from "vitest";
import { threadKeptMs } from "../../../src/base/limits.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { juliet, romeo, World } from "../../support/omemo-world.js";
import { Reception, ServerArchive, sealedLetter } from "../../support/reception.js";

const count = 12;

/** A reader, its archive with messages for it, and those as they come live. */
async function scene(): Promise<{ readonly reader: Reception; readonly archive: ServerArchive; readonly stanzas: readonly XmlElement[]; readonly commits: () => number }> {
  const world = new World();
  const sender = await world.device(romeo);
  const reader = await Reception.open(world, juliet);
  await reader.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  const stanzas: XmlElement[] = [];
  for (let i = 0; i < count; i++) {
    stanzas.push(archive.store(sealedLetter(`${romeo}/balcony`, juliet, `m${i.toString()}`, await sender.send(juliet, `text ${i.toString()}`))));
  }
  let commits = 0;
  const commit = reader.store.commit.bind(reader.store);
  reader.store.commit = (changes, fence) => { commits += 1; return commit(changes, fence); };
  return { reader, archive, stanzas, commits: () => commits };
}

/** How often something else got the thread while `work` ran; every look at the clock finds that a quarter of the time is over. */
async function othersDuring(reader: Reception, work: () => Promise<unknown>): Promise<number> {
  let time = 0;
  reader.clock.monotonic = () => (time += threadKeptMs / 4);
  let others = 0;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    others += 1;
    port2.postMessage(undefined);
  };
  port2.postMessage(undefined);
  await work();
  port1.onmessage = null;
  port1.close();
  return others;
}

test("a page of the archive gives the thread away between its messages, and is one commit all the same", async () => {
  const { reader, archive, commits } = await scene();
  expect(await othersDuring(reader, () => reader.receiver.takePage(archive.messages, { commit: () => undefined }))).toBeGreaterThanOrEqual(2);
  expect(reader.events.filter(({ kind }) => kind === "message")).toHaveLength(count);
  expect(commits()).toBe(1);
});

test("so do messages that come live faster than they are taken in", async () => {
  const { reader, archive, stanzas, commits } = await scene();
  const live = reader.connect(archive);
  reader.receiver.open(live);
  expect(await othersDuring(reader, () => {
    for (const stanza of stanzas) reader.accept(stanza, live);
    return reader.receiver.settled();
  })).toBeGreaterThanOrEqual(2);
  expect(reader.events.filter(({ kind }) => kind === "message")).toHaveLength(count);
  expect(commits()).toBe(1);
});
