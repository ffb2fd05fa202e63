/**
 * Servers exist that bounce a message and keep it for the addressee all the same: ejabberd, where his offline storage is full. What he says of it
 * then corrects what we said; of what never left nobody can. Threats Q01, F14, F15.
 */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import type { BareJid } from "../../../src/base/jid.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { deleteMessage } from "../../../src/client/log/retention.js";
import { killsMax } from "../../../src/client/outbox/blame.js";
import type { SendTracker } from "../../../src/client/outbox/send-handle.js";
import { readContent } from "../../../src/client/receive/content.js";
import { takeEvidence } from "../../../src/client/receive/evidence.js";
import { TransportError } from "../../../src/transport/errors.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import { body, juliet, mercutio, type OutboxRun, OutboxWorld, quiet } from "../../support/outbox-world.js";

const says = (run: OutboxRun, from: BareJid, authenticated: boolean, ...content: readonly XmlElement[]): Promise<void> =>
  run.ledger.run((tx) => takeEvidence(tx, run.log, readContent(content), { from, authenticated }));

/** A run, and messages that the server has acknowledged. */
async function left<const T extends readonly string[]>(world: OutboxWorld, ...texts: T): Promise<{ readonly run: OutboxRun; readonly handles: { readonly [I in keyof T]: SendTracker } }> {
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const handles = texts.map((text) => run.sender.intake.accept(juliet, [body(text)])) as { readonly [I in keyof T]: SendTracker };
  await quiet();
  link.stream.acknowledge();
  await quiet();
  return { run, handles };
}

const bounce = (run: OutboxRun, { id }: SendTracker): Promise<void> => run.sender.refused(id, juliet, "resource-constraint", "wait");

test.each([["receipt", encodeReceipt, "delivered"], ["marker", encodeDisplayed, "displayed"]] as const)(
  "Q01 a %s of the addressee corrects what a bounce has said; the handle is over, the message in the log is not",
  async (_, encode, state) => {
    const { run, handles: [handle] } = await left(new OutboxWorld(), "hello");
    await bounce(run, handle);
    expect(await run.states()).toEqual({ hello: "failed" });
    const told: string[] = [];
    run.log.onChange(({ kind, message }) => { told.push(`${kind} ${String(message.delivery?.state)}`); });
    for (let i = 0; i < 2; i++) await says(run, juliet, false, encode(handle.id));
    expect((await run.log.page())[0]?.delivery).toEqual({ state, archived: false, authenticated: false });
    for (let i = 0; i < 2; i++) await says(run, juliet, true, encode(handle.id));
    await bounce(run, handle);
    expect((await run.log.page())[0]?.delivery).toEqual({ state, archived: false, authenticated: true });
    expect(told).toEqual([`changed ${state}`, `changed ${state}`]);
    expect(handle.getSnapshot()).toMatchObject({ state: "failed", error: { code: "ERR_MESSAGE_REFUSED" } });
    await expect(handle.reached(state)).rejects.toMatchObject({ code: "ERR_MESSAGE_REFUSED" });
  },
);

test("Q01 a bounce of an earlier run is corrected too, and who asks for a handle then hears what is true", async () => {
  const world = new OutboxWorld();
  const { run, handles: [handle] } = await left(world, "hello");
  await bounce(run, handle);
  const next = await world.run();
  expect((await next.sender.intake.find(handle.id, juliet))?.getSnapshot().state).toBe("failed");
  const last = await world.run();
  await says(last, juliet, true, encodeReceipt(handle.id));
  expect((await last.sender.intake.find(handle.id, juliet))?.getSnapshot()).toMatchObject({ state: "delivered", authenticated: true });
  expect(await (await world.run()).states()).toEqual({ hello: "delivered" });
});

test("Q01 what is found in the archive after its bounce is archived, and has not arrived for that", async () => {
  const { run, handles: [handle] } = await left(new OutboxWorld(), "hello");
  await bounce(run, handle);
  await run.ledger.run((tx) => run.sender.archived(tx, handle.id, "a1"));
  expect(await run.states()).toEqual({ hello: "failed+archived" });
  await says(run, juliet, true, encodeReceipt(handle.id));
  expect(await run.states()).toEqual({ hello: "delivered+archived" });
});

test("F15 nobody but the addressee corrects a bounce, and a marker of a later message says nothing of one that came back", async () => {
  const { run, handles: [first, refused, last] } = await left(new OutboxWorld(), "1", "2", "3");
  await bounce(run, refused);
  await says(run, mercutio, true, encodeReceipt(refused.id), encodeDisplayed(refused.id));
  expect(await run.states()).toEqual({ 1: "sent", 2: "failed", 3: "sent" });
  await says(run, juliet, true, encodeDisplayed(last.id));
  expect(await run.states()).toEqual({ 1: "displayed", 2: "failed", 3: "displayed" });
  await says(run, juliet, true, encodeReceipt(refused.id));
  expect(await run.states()).toEqual({ 1: "displayed", 2: "delivered", 3: "displayed" });
  expect(first.getSnapshot().state).toBe("displayed");
});

test("F14 a marker of one that came back, deleted here or not, is about those before it", async () => {
  const { run, handles: [, second, , fourth] } = await left(new OutboxWorld(), "1", "2", "3", "4");
  await bounce(run, second);
  await says(run, juliet, true, encodeDisplayed(second.id));
  expect(await run.states()).toEqual({ 1: "displayed", 2: "displayed", 3: "sent", 4: "sent" });
  await bounce(run, fourth);
  expect(await deleteMessage(run.ledger, run.log, juliet, 4)).toBe(true);
  await says(run, juliet, true, encodeDisplayed(fourth.id));
  expect(await run.states()).toEqual({ 1: "displayed", 2: "displayed", 3: "displayed" });
});

test("Q13 a message that the server ended the stream for had left: who has it may say so", async () => {
  const world = new OutboxWorld();
  world.archive.present = false;
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("poison")]);
  for (let i = 0; i <= killsMax; i++) {
    const link = world.fresh();
    link.stream.onSend = () => { void Promise.resolve().then(() => { link.stream.cut(new TransportError("ERR_STREAM_ERROR", "ended", { details: { condition: "policy-violation" } })); }); };
    run.sender.attach(link.connection);
    await quiet();
    run.sender.detach();
  }
  expect(handle.getSnapshot()).toMatchObject({ state: "failed", error: { code: "ERR_MESSAGE_REFUSED" } });
  await says(run, juliet, true, encodeReceipt(handle.id));
  expect(await run.states()).toEqual({ poison: "delivered" });
});

test.each([["receipt", encodeReceipt, "delivered"], ["marker", encodeDisplayed, "displayed"]] as const)(
  "D13 Q01 a %s says of a message whose bytes were lost after it was sealed that it had left all the same; nothing else says so",
  async (_, encode, state) => {
    const world = new OutboxWorld();
    const first = await world.run();
    first.sender.attach(world.fresh().connection);
    const { id } = first.sender.intake.accept(juliet, [body("hello")]);
    await quiet();
    first.sender.detach();
    world.disk.rows.set([...world.disk.rows.keys()].find((key) => key.startsWith("client/outbox/"))!, utf8("?"));
    const run = await world.run();
    run.sender.attach(world.fresh().connection);
    await world.looks();
    await world.looks();
    expect((await run.log.page())[0]?.delivery).toEqual({ state: "failed", archived: false, error: { code: "ERR_STORE_CORRUPT", retryable: false } });
    await says(run, mercutio, true, encode(id));
    expect(await run.states()).toEqual({ hello: "failed" });
    await says(run, juliet, true, encode(id));
    expect((await run.log.page())[0]?.delivery).toEqual({ state, archived: false, authenticated: true });
  },
);

const never: readonly (readonly [string, (run: OutboxRun, handle: SendTracker, world: OutboxWorld) => Promise<unknown>])[] = [
  ["taken back", (_run, handle) => handle.cancel()],
  ["without a device that could read it", async (run, _handle, world) => {
    world.omemo.outcome = { kind: "no-omemo", report: [] };
    run.sender.attach(world.fresh().connection);
    await quiet();
  }],
  ["too large for the stream", async (run, _handle, world) => {
    const link = world.fresh();
    link.stream.onSend = () => { throw new TransportError("ERR_STANZA_TOO_LARGE", "too large"); };
    run.sender.attach(link.connection);
    await quiet();
  }],
  ["failed for any other reason", (run, handle) => run.ledger.run((tx) =>
    run.log.updateSent(tx, handle.id, (message) => ({ ...message, delivery: { state: "failed", archived: false, error: { code: "ERR_STORE_CORRUPT", retryable: false } } })))],
  ["failed for no reason that is known", (run, handle) => run.ledger.run((tx) =>
    run.log.updateSent(tx, handle.id, (message) => ({ ...message, delivery: { state: "failed", archived: false } })))],
];

test.each(never)("F14 no receipt and no marker makes a message delivered that was %s: it never left", async (_, fails) => {
  const world = new OutboxWorld();
  const before = await left(world, "before");
  before.run.sender.detach();
  const { run } = before;
  const handle = run.sender.intake.accept(juliet, [body("never")]);
  await handle.reached("stored");
  await fails(run, handle, world);
  expect(await run.states()).toEqual({ before: "sent", never: "failed" });
  await says(run, juliet, true, encodeReceipt(handle.id), encodeDisplayed(handle.id));
  expect(await run.states()).toEqual({ before: "sent", never: "failed" });
  expect(await deleteMessage(run.ledger, run.log, juliet, 2)).toBe(true);
  await says(run, juliet, true, encodeDisplayed(handle.id));
  expect(await run.states()).toEqual({ before: "sent" });
});
