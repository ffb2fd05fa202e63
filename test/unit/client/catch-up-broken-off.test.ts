/** What the next connection reads where the last one was lost while the reader went around a place (docs/decisions/0015-spoilt-stanzas.md). */
import { expect, test } from "vitest";
import { TransportError } from "../../../src/transport/errors.js";
import { ArchiveScene, gaps, secondMs } from "../../support/archive-scene.js";
import { silence } from "../../support/reception.js";

test("Q16 F19 what a server whose clock is set back writes while the reader goes around is read, though the connection is lost before it gets there", async () => {
  const s = new ArchiveScene();
  const b = await s.reader();
  s.wait(secondMs);
  const over = new AbortController();
  let windows = 0;
  s.archive.beforeAnswer = ({ end }, quietMs) => {
    if (end === undefined) throw silence(quietMs); // it is slow with pages
    if (end > 0 && ++windows === 2) s.write("1", s.world.clock.now() - 60 * secondMs); // up to there everything has been read
    if (windows < 3) return;
    over.abort();
    throw new TransportError("ERR_STREAM_CLOSED", "scripted", { retryable: true });
  };
  await expect(b.catchUp.run(b.connect(s.archive, false, over.signal))).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
  expect(b.cursor.place).toEqual({ stamp: s.archive.messages[0]?.stamp }); // a time and no message

  s.archive.beforeAnswer = () => undefined;
  const c = await s.open();
  await c.catchUp.run(c.connect(s.archive));
  expect([await c.texts(), gaps(c)]).toEqual([["first", "1"], []]);
});
