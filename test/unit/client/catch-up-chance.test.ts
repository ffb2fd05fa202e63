/** An archive that answers when it likes, to a device that loses its connection at any question, while messages come and the server's clock is set to and fro. */
import { expect, test } from "vitest";
import { archiveQuietMs } from "../../../src/base/limits.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import type { ArchivedMessage } from "../../../src/transport/features/archive.js";
import { Chance } from "../../faults/chance.js";
import { ArchiveScene, gaps, secondMs } from "../../support/archive-scene.js";
import { juliet } from "../../support/omemo-world.js";
import { silence, withStanzaId } from "../../support/reception.js";

const connections = 6;

interface Walked { readonly archived: readonly string[]; readonly read: readonly string[]; readonly gaps: readonly unknown[]; readonly questions: number }

/** What the archive has in the end, what the device has and was told, and how many questions it asked over one connection at most. */
async function walk(seed: number): Promise<Walked> {
  const chance = new Chance(seed);
  const often = (percent: number): boolean => chance.between(1, 100) <= percent;
  const s = new ArchiveScene();
  let b = await s.reader();
  const archived = ["first"];
  const told: unknown[] = [];
  let ahead = 0;
  let questions = 0;
  let unacknowledged: readonly XmlElement[] = [];
  const forgets = seed % 2 === 0; // some servers leave to the archive what they have not seen acknowledged; nobody's clock is wrong then
  for (let left = connections; left > 0; left--) {
    const over = new AbortController();
    const connection = b.connect(s.archive, false, over.signal);
    const live = forgets ? [] : [...unacknowledged];
    for (const stanza of live) b.accept(stanza, connection);
    s.archive.queries.length = 0;
    s.archive.pageMax = chance.between(1, 4);
    s.archive.beforeAnswer = (_query, quietMs) => {
      s.wait(chance.between(0, 2 * secondMs));
      if (left === 1) return; // the last one lives, and asks for nothing in vain
      if (!forgets && often(5)) ahead = chance.between(-120, 120) * secondMs;
      if (often(20)) {
        const text = String(archived.length);
        s.write(text, s.world.clock.now() + ahead);
        archived.push(text);
        const newest = s.archive.messages.at(-1) as ArchivedMessage;
        const stanza = withStanzaId(newest.stanza, juliet, newest.id);
        live.push(stanza);
        b.accept(stanza, connection);
      }
      if (often(6)) {
        over.abort();
        throw new TransportError("ERR_STREAM_CLOSED", "scripted", { retryable: true });
      }
      if (quietMs === archiveQuietMs && often(30)) throw silence(quietMs);
    };
    await b.catchUp.run(connection).catch((error: unknown) => { expect(error).toMatchObject({ code: "ERR_STREAM_CLOSED" }); });
    await b.receiver.settled();
    unacknowledged = live.slice(b.released.length);
    questions = Math.max(questions, s.archive.queries.length);
    told.push(...gaps(b));
    b = await s.open(); // nothing is left but what is on its disk
  }
  return { archived, read: await b.texts(), gaps: told, questions };
}

test("Q16 Q17 F19 whatever an archive is slow with, whenever the connection is lost: each message is read once, and no gap is told where there is none", { timeout: 60_000 }, async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { archived, read, questions, ...end } = await walk(seed);
    expect([...read].sort(), `seed ${seed.toString()}`).toEqual([...archived].sort());
    expect(end.gaps, `seed ${seed.toString()}`).toEqual([]);
    expect(questions, `seed ${seed.toString()}`).toBeLessThan(300);
  }
});
