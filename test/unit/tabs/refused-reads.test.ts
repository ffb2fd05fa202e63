/** A leader whose store refuses to be read for a moment, as browsers do: what it cannot tell at once it tells later, and nobody has to ask. */
import { expect, test } from "vitest";
import { StorageError } from "../../../src/storage/errors.js";
import { calm, type FacadeWorld, juliet, testWorld, when } from "../../support/facade-world.js";
import { ManualClock } from "../../support/outbox-world.js";

/** Another leader. @returns ends the refusals, of each read outside of the ledger's queue that `is` one of them */
async function leadRefusing(there: FacadeWorld, retryable: boolean, is: (read: number) => boolean = () => true): Promise<() => void> {
  const { client: { core: { ledger } } } = await there.lead();
  const read = ledger.read.bind(ledger);
  let reads = 0;
  ledger.read = (look) => (is(++reads) ? Promise.reject(new StorageError(retryable ? "ERR_STORE_FAILED" : "ERR_STORE_CORRUPT", "planned", { retryable })) : read(look));
  return () => { ledger.read = read; };
}

test("Q04 a handle goes on under a leader that could not look for its message at first", async () => {
  const clock = new ManualClock();
  const there = testWorld({ clock });
  const { client } = await there.open();
  const handle = client.conversation(juliet).send({ text: "one" });
  const other = client.conversation(juliet).send({ text: "two" });
  await Promise.all([handle, other].map((each) => each.reached("stored")));
  const relent = await leadRefusing(there, true);
  await calm();
  await clock.pass(1_000);
  relent();
  await clock.pass(1_000);
  await there.host?.client.core.sender.intake.cancel(handle.id);
  await expect(handle.reached("sent")).rejects.toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
  expect([there.host?.use.follows, clock.timers]).toEqual([1, 0]);
});

test("D13 nor does a message whose row is damaged keep the handles on others back", async () => {
  const there = testWorld();
  const { client } = await there.open();
  const handles = ["one", "two", "three"].map((text) => client.conversation(juliet).send({ text }));
  await Promise.all(handles.map((each) => each.reached("stored")));
  await leadRefusing(there, false, (read) => read <= 2); // of all of them, then of the first
  await calm();
  expect(there.host?.use.follows).toBe(2);
  for (const { id } of handles) await there.host?.client.core.sender.intake.cancel(id);
  for (const each of handles.slice(1)) await expect(each.reached("sent")).rejects.toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
});

test("a timeline stays as it was under a leader that could not read it at first, and then goes on", async () => {
  const there = testWorld();
  const clock = new ManualClock();
  await there.lead();
  const { client } = await there.tab(clock);
  const conversation = client.conversation(juliet);
  await conversation.send({ text: "before" }).reached("stored");
  const timeline = conversation.timeline();
  timeline.subscribe(() => undefined);
  await when(timeline, () => timeline.getSnapshot().messages.length === 1);
  const shown = timeline.getSnapshot();
  const relent = await leadRefusing(there, true);
  await calm();
  expect(timeline.getSnapshot()).toBe(shown);
  relent();
  await clock.pass(1_000);
  await conversation.send({ text: "after" }).reached("stored");
  await when(timeline, () => timeline.getSnapshot().messages.length === 2);
  expect(timeline.getSnapshot().messages[0]).toBe(shown.messages[0]);
});
