/** Messages that the server answers by ending the stream. */
import { expect, test } from "vitest";
import { killsMax } from "../../../src/client/outbox/blame.js";
import { TransportError } from "../../../src/transport/errors.js";
import { body, juliet, mercutio, OutboxWorld, quiet, textOfStanza, textsOn, type Link } from "../../support/outbox-world.js";

const violation = (): TransportError => new TransportError("ERR_STREAM_ERROR", "ended", { details: { condition: "policy-violation" } });

/** A server that stores what it takes, and ends the stream with `error` at the message `bad`. */
function server(world: OutboxWorld, link: Link, bad: string, error: TransportError | undefined): void {
  let over = false;
  link.stream.onSend = (stanza) => {
    if (over) return;
    if (textOfStanza(stanza).startsWith(bad)) {
      over = true;
      void Promise.resolve().then(() => { link.stream.cut(error); });
      return;
    }
    queueMicrotask(() => {
      const written = link.stream.sent.find((each) => each.stanza === stanza);
      if (written !== undefined) world.archive.store(written.text, 1_000);
    });
  };
}

test("Q13 a message at which the server ends the stream fails alone after three times; those beside it arrive once and in order", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handles = new Map(["1", "2", "bad", "3", "4"].map((text) => [text, run.sender.intake.accept(juliet, [body(text)])]));
  run.sender.intake.accept(mercutio, [body("other")]);
  let streams = 0;
  const judged: boolean[] = [];
  for (let link = world.fresh(); ; link = world.fresh()) {
    streams += 1;
    server(world, link, "bad", violation());
    run.sender.attach(link.connection);
    await world.looks();
    if (link.stream.isOpen) {
      link.stream.acknowledge();
      await quiet();
      break;
    }
    judged.push(run.sender.mayBlame(violation()));
    run.sender.detach();
    expect(streams).toBeLessThan(20);
  }
  expect(streams).toBe(killsMax + 1);
  expect(judged).toEqual([true, true, true]);
  await expect(handles.get("bad")?.reached("sent")).rejects.toMatchObject({ code: "ERR_MESSAGE_REFUSED", retryable: false });
  const arrived = world.archive.messages.map(({ stanza }) => textOfStanza(stanza).replace(/<.*$/, ""));
  expect(arrived.filter((text) => text !== "other")).toEqual(["1", "2", "3", "4"]);
  expect(arrived.filter((text) => text === "other").length).toBe(1);
  expect(run.sender.waiting).toBe(0);
});

test("Q13 while a killer is looked for messages are written one at a time, each behind the answer to the last", async () => {
  const world = new OutboxWorld();
  world.archive.present = false;
  const run = await world.run();
  for (const text of ["1", "2", "3"]) run.sender.intake.accept(juliet, [body(text)]);
  const first = world.fresh();
  run.sender.attach(first.connection);
  await quiet();
  first.stream.cut(violation());
  run.sender.detach();
  const second = world.fresh();
  const seen: number[] = [];
  world.onPing = () => { seen.push(second.stream.sent.length); };
  run.sender.attach(second.connection);
  await quiet();
  expect(seen).toEqual([1, 2, 3]);
  second.stream.acknowledge();
  run.sender.intake.accept(juliet, [body("4")]);
  await quiet();
  expect(textsOn(second)).toEqual(["1", "2", "3", "4"]);
  expect(world.pings).toBe(3); // over: everybody is acquitted
});

test("Q13 a link that is merely cut blames nobody, however often", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("unlucky")]);
  for (let i = 0; i < 10; i++) {
    const link = world.fresh();
    run.sender.attach(link.connection);
    await world.looks();
    expect(textsOn(link)).toEqual(["unlucky"]);
    link.stream.cut(i % 2 === 0 ? undefined : new TransportError("ERR_STREAM_ERROR", "ended", { retryable: true, details: { condition: "system-shutdown" } }));
    run.sender.detach();
  }
  expect(handle.getSnapshot().state).toBe("sealed");
  expect(run.sender.mayBlame(new TransportError("ERR_STREAM_CLOSED", "cut", { retryable: true }))).toBe(false);
});

test("Q04 a message that ends the stream each time but is in the archive is sent, not failed", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("odd")]);
  for (let i = 0; i < killsMax; i++) {
    const link = world.fresh();
    run.sender.attach(link.connection);
    await world.looks();
    if (i === killsMax - 1) for (const { text } of link.stream.sent) world.archive.store(text, 1_000);
    link.stream.cut(violation());
    run.sender.detach();
  }
  run.sender.attach(world.fresh().connection);
  await quiet();
  expect(handle.getSnapshot()).toMatchObject({ state: "sent", archived: true });
});
