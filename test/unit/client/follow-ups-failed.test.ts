/** What follows a message and could not be done at once is done later: threats R24, R22, T16. @module */
import { expect, test } from "vitest";
import { unhurriedRepublishMs } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import { FollowUps, republishIntervalMs, upkeepMs } from "../../../src/client/follow-ups.js";
import type { Connection } from "../../../src/client/link.js";
import type { OpenOutcome } from "../../../src/session/outcome.js";
import { TransportError } from "../../../src/transport/errors.js";
import { juliet, romeo, type TestDevice, textOfOutcome, World } from "../../support/omemo-world.js";
import { TickingClock } from "../../support/reception.js";

const hour = 60 * 60 * 1000;

class Scene {
  readonly world: World = new World();
  readonly clock: TickingClock = new TickingClock();
  readonly sent: unknown[] = [];
  readonly errors: unknown[] = [];
  a!: TestDevice;
  b!: TestDevice;
  followUps!: FollowUps;
  /** What publishing a bundle fails with. */
  failure: Error | undefined;

  /** Juliet's follow-ups; she and Romeo have a session. */
  static async open(): Promise<Scene> {
    const s = new Scene();
    s.a = await s.world.device(romeo, { isContact: () => true });
    const directory = s.world.server.directoryOf(juliet);
    s.b = await s.world.device(juliet, { isContact: () => true, directory: {
      ...directory, publishBundle: async (...of) => {
        if (s.failure !== undefined) throw s.failure;
        await directory.publishBundle(...of);
      },
    } });
    s.followUps = new FollowUps({
      ledger: s.b.ledger, omemo: s.b.omemo, clock: s.clock, rng: systemRng(), newId: () => "id", noteOwn: () => undefined, onError: (error) => { s.errors.push(error); },
      gate: { isBlocked: () => false, isHidden: () => false },
    });
    await s.b.open(romeo, await s.a.send(juliet, "hi"));
    await s.b.omemo.announce();
    await s.a.open(juliet, await s.b.send(romeo, "hi"));
    s.world.server.log.length = 0;
    return s;
  }

  /** A stream; what it is ended with makes every stanza on it fail. */
  attach(continued: boolean): AbortController {
    const end = new AbortController();
    const send = async (stanza: unknown): Promise<void> => {
      if (end.signal.aborted) throw closed();
      this.sent.push(stanza);
    };
    this.followUps.attach({ signal: end.signal, continued, stream: { send } } as unknown as Connection);
    return end;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  async settle(): Promise<void> {
    await Promise.resolve();
    await this.followUps.settled();
  }

  take(outcome: OpenOutcome): void {
    if ("followUps" in outcome) for (const each of outcome.followUps) this.followUps.add(each);
  }

  /** Romeo begins anew: a prekey is used. */
  async useUp(): Promise<void> {
    await this.a.ledger.run((tx) => this.a.omemo.resetSession(tx, this.b.address));
    this.take(await this.b.open(romeo, await this.a.send(juliet, "x")));
  }

  /** Juliet's session is gone. */
  async forget(): Promise<void> {
    await this.b.ledger.run(async (tx) => { for (const { key } of await tx.list({ prefix: "omemo/2/device/romeo" })) tx.delete(key); });
  }

  get published(): number {
    return this.world.server.log.filter((line) => line === `publish bundle ${juliet}`).length;
  }
}

const closed = (): TransportError => new TransportError("ERR_STREAM_CLOSED", "scripted", { retryable: true });

test("R24 a fresh bundle that the end of the stream came between is published on the stream that continues it", async () => {
  for (const detachedFirst of [false, true]) {
    const s = await Scene.open();
    const first = s.attach(false);
    await s.settle();
    s.failure = new RangeError("aborted"); // does not look like one that passes
    await s.useUp();
    first.abort();
    if (detachedFirst) s.followUps.detach();
    await s.settle();
    if (!detachedFirst) s.followUps.detach();
    s.failure = undefined;
    s.attach(true);
    await s.settle();
    await s.pass(republishIntervalMs);
    expect([s.published, s.errors]).toEqual([1, []]);
  }
});

test("R24 L04 a publication that fails is told and made again: after a minute if that may help, after an hour if not", async () => {
  const cases = [[closed(), republishIntervalMs], [new TransportError("ERR_STANZA_ERROR", "scripted"), hour]] as const;
  for (const [failure, pauseMs] of cases) {
    const s = await Scene.open();
    s.attach(false);
    await s.settle();
    s.failure = failure;
    await s.useUp();
    await s.settle();
    await s.pass(pauseMs - 1);
    expect(s.errors).toEqual([failure]);
    await s.pass(1);
    expect(s.errors).toEqual([failure, failure]);
    s.failure = undefined;
    await s.pass(pauseMs);
    await s.pass(20 * hour);
    expect([s.published, s.errors.length]).toEqual([1, 2]);
  }
});

test("T16 the daily round looks at what the server shows of us, and puts back what it has lost", async () => {
  const s = await Scene.open();
  s.attach(false);
  await s.settle();
  const key = `${juliet} ${s.b.id}`;
  const own = s.world.server.bundles.get(key);
  s.world.server.bundles.delete(key);
  await s.pass(upkeepMs + unhurriedRepublishMs);
  expect(s.world.server.bundles.get(key)).toEqual(own);
});

test("R22 a repair for which no bundle could be fetched is made after a minute, not after an hour", async () => {
  const s = await Scene.open();
  s.attach(false);
  await s.forget();
  const take = async (): Promise<void> => {
    s.take(await s.b.open(romeo, await s.a.send(juliet, "lost")));
    await s.settle();
  };
  s.world.server.offline = true;
  await take();
  s.world.server.offline = false;
  await take();
  expect(s.sent).toEqual([]);
  s.world.clock.time += 60_000;
  await take();
  expect([s.sent.length, s.errors]).toEqual([1, []]);
});

test("R22 one whose answer says that there is no bundle is not made again within the hour", async () => {
  const s = await Scene.open();
  s.attach(false);
  await s.forget();
  s.world.server.bundles.delete(`${romeo} ${s.a.id}`);
  for (let minute = 0; minute < 60; minute++) {
    s.take(await s.b.open(romeo, await s.a.send(juliet, "lost")));
    await s.settle();
    s.world.clock.time += 60_000;
  }
  expect(s.world.server.log.filter((line) => line === `bundles ${romeo} 1`)).toHaveLength(1);
});

test("R22 an empty message that the end of the stream came between goes out on the next one: its session is made, and nothing else would tell of it", async () => {
  for (const continued of [false, true]) {
    const s = await Scene.open();
    const first = s.attach(false);
    await s.settle();
    await s.forget();
    first.abort();
    s.take(await s.b.open(romeo, await s.a.send(juliet, "lost")));
    await s.settle();
    s.followUps.detach();
    expect(s.sent).toEqual([]);
    s.attach(continued);
    await s.settle();
    expect(s.sent).toHaveLength(1);
    s.followUps.detach();
    s.attach(true);
    await s.settle();
    expect(s.sent).toHaveLength(1); // once
    expect(textOfOutcome(await s.a.open(juliet, await s.b.send(romeo, "here again")))).toBe("here again");
  }
});
