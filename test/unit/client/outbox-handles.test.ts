/** Handles of messages that have left: let go, followed again, and told of one failure. */
import { expect, test } from "vitest";
import { SendTracker } from "../../../src/client/outbox/send-handle.js";
import { idleTrackersMax } from "../../../src/client/outbox/trackers.js";
import { arrived } from "../../../src/client/receive/evidence.js";
import { StorageError } from "../../../src/storage/errors.js";
import { body, juliet, OutboxWorld, quiet } from "../../support/outbox-world.js";

test("H06 a handle that was let go behind a thousand newer ones is told what it has missed when it is asked, and hears what comes", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const send = (text: string): SendTracker => run.sender.intake.accept(juliet, [body(text)]);
  const [first, second, third] = [send("a"), send("b"), send("c")] as const;
  const settle = async (): Promise<void> => {
    await quiet();
    link.stream.acknowledge();
    await quiet();
  };
  await settle();
  for (let i = 0; i < 1.5 * idleTrackersMax; i += 100) {
    for (let j = 0; j < 100; j++) run.sender.intake.accept(juliet, [body("x")]);
    await settle();
  }
  const news = (id: string, state: "delivered" | "displayed"): Promise<unknown> => run.ledger.run((tx) => run.log.updateSent(tx, id, (message) => arrived(message, state, true)));
  await news(first.id, "delivered");
  expect(await first.reached("delivered")).toMatchObject({ state: "delivered", authenticated: true });
  const waiting = second.reached("delivered");
  await quiet();
  await news(second.id, "delivered");
  expect((await waiting).state).toBe("delivered");
  await run.sender.refused(third.id, juliet, "service-unavailable", "cancel");
  expect(third.getSnapshot().state).toBe("sent"); // what it knew last; this has asked
  await quiet();
  expect(third.getSnapshot()).toMatchObject({ state: "failed", error: { code: "ERR_MESSAGE_REFUSED" } });
});

test("a handle that was let go and cannot be read says so to who waits, and reads again when it is asked once more", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const other = new SendTracker("never heard of", juliet, () => Promise.resolve(false));
  const broken = new StorageError("ERR_STORE_FAILED", "not now", { retryable: true });
  const get = run.store.get.bind(run.store);
  run.store.get = () => Promise.reject(broken);
  other.park(() => { run.sender.intake.followAgain(other); });
  await expect(other.reached("sent")).rejects.toBe(broken);
  run.store.get = get;
  const waiting = other.reached("sent");
  let over = false;
  void waiting.then(() => { over = true; });
  await quiet();
  expect(over).toBe(false);
  other.advance({ state: "sent" });
  expect((await waiting).state).toBe("sent");
});

test("Q01 a message fails once, whatever comes after it: bounces that are repeated tell and write nothing", async () => {
  const world = new OutboxWorld();
  const told: string[] = [];
  const run = await world.run(undefined, { onFailed: ({ text, delivery }) => { told.push(`${text} ${delivery?.error?.code ?? ""}`); } });
  const link = world.fresh();
  run.sender.attach(link.connection);
  const handle = run.sender.intake.accept(juliet, [body("x")]);
  const received = run.sender.intake.accept(juliet, [body("y")]);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  await run.ledger.run((tx) => run.log.updateSent(tx, received.id, (message) => arrived(message, "delivered", true)));
  const changed: string[] = [];
  run.log.onChange(({ kind, message }) => { changed.push(`${kind} ${message.delivery?.state ?? ""} ${String(message.delivery?.archived)}`); });
  for (let i = 0; i < 3; i++) {
    for (const { id } of [handle, received]) await run.sender.refused(id, juliet, "service-unavailable", i === 0 ? "cancel" : "wait");
    await run.ledger.run((tx) => run.sender.archived(tx, handle.id, "s1"));
  }
  expect(told).toEqual(["x ERR_MESSAGE_REFUSED"]);
  expect(changed).toEqual(["changed failed false", "changed failed true"]);
  expect((await run.log.page()).map(({ delivery }) => delivery?.error)).toEqual([{ code: "ERR_MESSAGE_REFUSED", retryable: false }, undefined]);
});

test("H06 an older handle that was let go goes on beside the one that was asked for meanwhile", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const first = run.sender.intake.accept(juliet, [body("a")]);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  for (let i = 0; i < 1.5 * idleTrackersMax; i += 100) {
    for (let j = 0; j < 100; j++) run.sender.intake.accept(juliet, [body("x")]);
    await quiet();
    link.stream.acknowledge();
    await quiet();
  }
  const second = await run.sender.intake.find(first.id, juliet);
  expect(second).not.toBe(first);
  const waiting = first.reached("delivered");
  await quiet();
  await run.ledger.run((tx) => run.log.updateSent(tx, first.id, (message) => arrived(message, "delivered", true)));
  expect((await waiting).state).toBe("delivered");
  expect(second?.getSnapshot().state).toBe("delivered");
});

test("Q21 nothing of a message that was taken back while it waited for another attempt is left when the client has stopped", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  world.omemo.outcome = { kind: "no-device", retryable: true, report: [] };
  const handle = run.sender.intake.accept(juliet, [body("1")]);
  await quiet();
  expect(world.clock.timers).toBe(1);
  expect(await handle.cancel()).toBe(true);
  link.stream.cut();
  run.sender.detach();
  await run.sender.settled();
  expect(world.clock.timers).toBe(0);
});

test("Q03 a message that is handed in again under its id leaves once, and whoever handed it in first hears what comes as well", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const first = run.sender.intake.accept(juliet, [body("once")]);
  const again = run.sender.intake.acceptAs(first.id, juliet, [body("once")]);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  expect(link.stream.sent).toHaveLength(1);
  link.stream.acknowledge();
  for (const handle of [first, again]) expect((await handle.reached("sent")).state).toBe("sent");
});

test("there is no handle for what no message can be called, and it is no error to ask", async () => {
  const { sender } = await new OutboxWorld().run();
  for (const id of ["\ud800", "\u0000", "", "unknown"]) expect(await sender.intake.find(id, juliet)).toBeUndefined();
});
