/** What a later process reads of the session: threat Q06. */
import { expect, test } from "vitest";
import { systemRng } from "../../../src/base/rng.js";
import { xml } from "../../../src/base/xml.js";
import { StreamState } from "../../../src/client/stream-state.js";
import { Ledger } from "../../../src/session/ledger.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import type { SaveInbound } from "../../../src/transport/stream/acknowledger.js";
import type { StreamSession } from "../../../src/transport/stream/stream-session.js";
import { begin, enabled, listen, managed, ManualClock, MemoryChannel, message, r, settle, sm } from "../../support/memory-channel.js";
import { quiet } from "../../support/outbox-world.js";

test("Q06 stanzas of a session that is over, done with late, count for none that follows: not now, and not after a restart", async () => {
  const disk = memoryDisk();
  const store = memoryStore(disk);
  const ledger = new Ledger(store, await store.acquire());
  const clock = new ManualClock();
  const state = await StreamState.load(store, systemRng());
  const saveInbound: SaveInbound = (session, h) => state.saveInbound(session, h, ledger);
  const { channel, stream } = await managed(clock, { saveInbound });
  await state.begin(stream, ledger);
  const seen = listen(stream, true);
  await settle();
  for (let i = 1; i <= 50; i++) channel.receive(message(String(i)));
  channel.receive(r); // the server asks while a slow store is still at all of them
  channel.end({});

  // The server has forgotten the session.
  const second = new MemoryChannel();
  const starting = begin(second, clock, { resume: state.session as StreamSession, saveInbound });
  await settle();
  second.receive(xml(sm, "failed", {}, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "item-not-found")));
  second.receive(second.bound(), enabled({ resume: "true", id: "new-id" }));
  const next = await starting;
  await state.begin(next, ledger);
  for (const release of seen.releases) release();
  await quiet(40);
  expect((await StreamState.load(memoryStore(disk), systemRng())).session?.state).toMatchObject({ id: "new-id", inbound: 0 });

  // What comes in the session itself counts.
  const more = listen(next, true);
  await settle();
  second.receive(message("51"), r);
  for (const release of more.releases) release();
  await quiet(40);
  expect((await StreamState.load(memoryStore(disk), systemRng())).session?.state).toMatchObject({ id: "new-id", inbound: 1 });
});
