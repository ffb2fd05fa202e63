/** One signal for many lanes: Node takes more than ten listeners for a leak, and says so to the user of whoever embeds this. */
import { expect, test } from "vitest";
import { service } from "../../support/inbox-service.js";
import { warningsDuring } from "../../support/warnings.js";

test("many lanes of an inbox that is idle are no leak, and all end with the signal", async () => {
  const { inbox } = await service();
  const stop = new AbortController();
  expect(await warningsDuring(async () => {
    const served = inbox.process(() => Promise.resolve(), { concurrency: 12, signal: stop.signal });
    await inbox.deadLetters(); // it is loaded
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => { setImmediate(resolve); }); // everybody sleeps
    stop.abort();
    await served;
  })).toEqual([]);
});
