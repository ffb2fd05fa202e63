/** An archive that lets go of its oldest messages while it is read: threats Q16, L02. */
import { expect, test } from "vitest";
import { juliet, romeo, World } from "../../support/omemo-world.js";
import { itemNotFound, plainLetter, Reception, ServerArchive } from "../../support/reception.js";

const orchard = `${romeo}/orchard`;
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

/** Juliet has read the first message; since then there are `count` more, a minute apart. */
async function scene(count: number): Promise<{ readonly b: Reception; readonly archive: ServerArchive }> {
  const world = new World();
  const b = await Reception.open(world, juliet);
  const archive = new ServerArchive(juliet, world.clock);
  const store = (text: string): void => {
    world.clock.time += 60_000;
    archive.store(plainLetter(orchard, juliet, text, text));
  };
  await b.catchUp.run(b.connect(archive));
  store("0");
  await b.catchUp.run(b.connect(archive));
  for (const text of numbers(1, count)) store(text);
  b.events.length = 0;
  archive.queries.length = 0;
  return { b, archive };
}

test("Q16 a full archive that lets go of the place we read from, again and again, is read on from the time of it; nothing that it still has is missing", async () => {
  const { b, archive } = await scene(100);
  archive.pageMax = 10;
  let trims = 0;
  archive.beforeAnswer = ({ after }) => { // the page was read, and then came what made room for itself
    if (after !== undefined && trims++ < 3) archive.messages.splice(0, archive.messages.findIndex(({ id }) => id === after) + 1);
  };
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(numbers(0, 100));
  expect(b.events.filter(({ kind }) => kind === "gap")).toHaveLength(3);
  expect(trims).toBeGreaterThan(3);
});

test("L02 an archive that knows nothing it is asked for is not asked for ever", async () => {
  const { b, archive } = await scene(1);
  archive.beforeAnswer = () => {
    if (archive.queries.length > 50) throw new Error("asked for ever");
    throw itemNotFound();
  };
  await expect(b.catchUp.run(b.connect(archive))).rejects.toMatchObject({ code: "ERR_STANZA_ERROR" });
  expect(archive.queries).toHaveLength(2);
});

test("L02 one that gives a page whenever it is asked for a time, and does not know its end, is not followed in a circle", async () => {
  const { b, archive } = await scene(1);
  const page = archive.query;
  archive.query = async (query) => {
    if (query.start === undefined) throw itemNotFound();
    if (query.after !== undefined) throw itemNotFound();
    if (archive.queries.length > 50) throw new Error("asked for ever");
    return { ...await page(query), complete: false, last: `end-${String(archive.queries.length % 2)}` };
  };
  await expect(b.catchUp.run(b.connect(archive))).rejects.toMatchObject({ code: "ERR_STANZA_ERROR" });
});
