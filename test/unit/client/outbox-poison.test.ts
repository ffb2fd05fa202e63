/** Messages that the server answers by ending the stream. */
import { expect, test } from "vitest";
import { retryDelayMsMin } from "../../../src/client/outbox/backoff.js";
import { Blame, killsMax } from "../../../src/client/outbox/blame.js";
import type { Slot } from "../../../src/client/outbox/slots.js";
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

test.each(["a result", "an error"])("Q13 while a killer is looked for messages are written one at a time, each behind the answer to the last, which is %s", async (answer) => {
  const world = new OutboxWorld();
  world.archive.present = false;
  const run = await world.run();
  for (const [to, text] of [[juliet, "1"], [mercutio, "2"], [juliet, "3"]] as const) run.sender.intake.accept(to, [body(text)]);
  const first = world.fresh();
  run.sender.attach(first.connection);
  await quiet();
  first.stream.cut(violation());
  run.sender.detach();
  const second = world.fresh();
  const { iq } = second.connection;
  const request = iq.request.bind(iq);
  const seen: (readonly [written: number, open: number])[] = [];
  let open = 0;
  iq.request = async (asked) => {
    seen.push([second.stream.sent.length, ++open]);
    await request(asked);
    open -= 1;
    if (answer === "an error") throw new TransportError("ERR_STANZA_ERROR", "no pings here", { details: { condition: "service-unavailable" } });
    return undefined;
  };
  run.sender.attach(second.connection);
  await quiet();
  expect(seen).toEqual([[1, 1], [2, 1], [3, 1]]);
  second.stream.acknowledge();
  run.sender.intake.accept(juliet, [body("4")]);
  await quiet();
  expect([textsOn(second).filter((text) => text !== "2"), textsOn(second).length]).toEqual([["1", "3", "4"], 4]);
  expect(seen.length).toBe(3); // over: everybody is acquitted
});

test("Q13 while a killer is looked for only the message that is being tried is blamed, and one that is through begins anew", () => {
  const slot = (id: string): Slot => ({ id, kills: 0, whereabouts: { kind: "written", epoch: 1, sequence: 1 } }) as Slot;
  const [one, two, bystander] = [slot("1"), slot("2"), slot("3")];
  const kills = (): readonly number[] => [one, two, bystander].map((each) => each.kills);
  const blame = new Blame();
  blame.ended(violation(), [one, two]);
  expect([kills(), blame.isCareful]).toEqual([[1, 1, 0], true]);
  blame.probing(two);
  blame.ended(violation(), [two, bystander]);
  expect(kills()).toEqual([1, 2, 0]);
  blame.probing(one);
  blame.passed(one);
  blame.ended(violation(), [bystander]); // between two of them: of something else
  expect([kills(), blame.isCareful]).toEqual([[0, 2, 0], true]);
  two.whereabouts = { kind: "confirmed" };
  expect(blame.isCareful).toBe(false);
});

test("Q13 a link that is merely cut blames nobody, however often, nor does a server that goes down or miscounts", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("unlucky")]);
  const ends = [
    undefined, new TransportError("ERR_STREAM_CLOSED", "cut", { retryable: true }),
    new TransportError("ERR_STREAM_ERROR", "ended", { retryable: true, details: { condition: "system-shutdown" } }),
    new TransportError("ERR_STREAM_PROTOCOL", "an impossible count", { retryable: true, details: { condition: "undefined-condition" } }), // what we tell the server
  ];
  expect(run.sender.mayBlame(violation())).toBe(false); // nothing of ours was there
  for (let i = 0; i < 12; i++) {
    const link = world.fresh();
    run.sender.attach(link.connection);
    await world.looks();
    expect(textsOn(link)).toEqual(["unlucky"]);
    const error = ends[i % ends.length];
    if (error !== undefined) expect(run.sender.mayBlame(error)).toBe(false);
    expect(run.sender.mayBlame(violation())).toBe(true);
    link.stream.cut(error);
    run.sender.detach();
  }
  expect([handle.getSnapshot().state, world.pings]).toEqual(["sealed", 0]); // nobody was suspected
});

test("Q01 Q13 a message that the stream takes nothing of for now has not failed: it leaves later", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  let closed = true;
  link.stream.onSend = () => { if (closed) throw new TransportError("ERR_STREAM_CLOSED", "not now", { retryable: true }); };
  run.sender.attach(link.connection);
  const handle = run.sender.intake.accept(juliet, [body("1")]);
  await quiet();
  expect([handle.getSnapshot().state, link.stream.sent]).toEqual(["sealed", []]);
  closed = false;
  await world.clock.pass(retryDelayMsMin);
  expect(textsOn(link)).toEqual(["1"]);
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
