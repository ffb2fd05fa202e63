import { expect, test } from "vitest";
import { UsageError } from "../../../src/base/errors.js";
import { parseBareJid, type BareJid } from "../../../src/base/jid.js";
import { ClientError } from "../../../src/client/errors.js";
import { SendTracker } from "../../../src/client/outbox/send-handle.js";
import { idleTrackersMax, settledTrackersMax, Trackers } from "../../../src/client/outbox/trackers.js";

const tracker = (id = "id"): SendTracker => new SendTracker(id, parseBareJid("juliet@example.org") as BareJid, () => Promise.resolve(false));
const refusal = new ClientError("ERR_NO_OMEMO", "none");

test("reached() resolves for the state asked for and for every later one", async () => {
  const handle = tracker();
  const stored = handle.reached("stored");
  const sealed = handle.reached("sealed");
  handle.advance({ state: "stored" });
  expect((await stored).state).toBe("stored");
  handle.advance({ state: "delivered", authenticated: true });
  expect(await sealed).toMatchObject({ state: "delivered", authenticated: true });
  expect((await handle.reached("sent")).state).toBe("delivered");
});

test("states only move forward, archived is a flag that may come late, and each snapshot stays the same object", () => {
  const handle = tracker();
  handle.advance({ state: "sealed" });
  const sealed = handle.getSnapshot();
  handle.advance({ state: "stored" });
  expect(handle.getSnapshot()).toBe(sealed);
  handle.advance({ state: "displayed" });
  handle.advance({ archived: true });
  expect(handle.getSnapshot()).toMatchObject({ state: "displayed", archived: true });
  handle.fail(refusal);
  handle.fail(new ClientError("ERR_MESSAGE_REFUSED", "later")); // the first reason counts
  handle.advance({ state: "sent" });
  expect(handle.getSnapshot()).toMatchObject({ state: "failed", error: refusal });
});

test("a failure rejects who waits and who asks later, and nobody else", async () => {
  const handle = tracker();
  const waiting = handle.reached("sent");
  handle.fail(refusal);
  await expect(waiting).rejects.toBe(refusal);
  await expect(handle.reached("stored")).rejects.toBe(refusal);
  tracker().fail(refusal); // nobody asked: an unhandled rejection would fail this run
});

test("P18 a listener that throws harms neither the others nor the pipeline", () => {
  const handle = tracker();
  const seen: string[] = [];
  handle.subscribe(() => { throw new RangeError("in the application"); });
  handle.subscribe(() => { seen.push(handle.getSnapshot().state); });
  handle.advance({ state: "stored" });
  expect(seen).toEqual(["stored"]);
});

test("waiting can be aborted, the message goes on", async () => {
  const handle = tracker();
  const stop = new AbortController();
  const waiting = handle.reached("sent", { signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: "ERR_ABORTED" });
  expect(handle.isWatched).toBe(false);
  handle.advance({ state: "sent" });
  expect(handle.getSnapshot().state).toBe("sent");
});

test("no more news: who waits and who asks later hears why, the state is what it was, and what is there already is told", async () => {
  const handle = tracker();
  handle.advance({ state: "stored" });
  const waiting = handle.reached("sent");
  const reason = new UsageError("ERR_CLOSED", "closed");
  handle.end(reason);
  handle.end(refusal); // the first reason counts
  await expect(waiting).rejects.toBe(reason);
  await expect(handle.reached("sealed")).rejects.toBe(reason);
  expect([(await handle.reached("stored")).state, handle.getSnapshot().error, handle.isWatched]).toEqual(["stored", undefined, false]);

  const trackers = new Trackers();
  const [before, after] = [tracker("before"), tracker("after")];
  trackers.add(before);
  trackers.end(reason);
  trackers.end(refusal);
  trackers.add(after);
  for (const each of [before, after]) await expect(each.reached("sent")).rejects.toBe(reason);
});

test("a handle that is let go is followed again with the first question, whichever it is", () => {
  const questions: readonly ((handle: SendTracker) => unknown)[] = [
    (handle) => handle.getSnapshot(), (handle) => handle.subscribe(() => undefined), (handle) => handle.reached("sent"),
  ];
  for (const question of questions) {
    const handle = tracker();
    let resumed = 0;
    handle.park(() => { resumed += 1; });
    expect(resumed).toBe(0);
    void question(handle);
    handle.getSnapshot();
    expect(resumed).toBe(1);
  }
});

test("H06 handles of settled messages that nobody watches are forgotten, those that wait or are watched are not", () => {
  const trackers = new Trackers();
  const watched = tracker("watched");
  watched.subscribe(() => undefined);
  trackers.add(watched);
  trackers.settle("watched");
  trackers.add(tracker("waiting"));
  for (let i = 0; i < 3 * idleTrackersMax; i++) {
    trackers.add(tracker(`${i}`));
    trackers.settle(`${i}`);
  }
  expect(trackers.get("watched")).toBe(watched);
  expect(trackers.get("waiting")).toBeDefined();
  expect(trackers.get("0")).toBeUndefined();
  const kept = Array.from({ length: 3 * idleTrackersMax }, (_, i) => trackers.get(`${i}`)).filter((each) => each !== undefined).length;
  expect(kept).toBeLessThanOrEqual(idleTrackersMax);
  expect(trackers.get(`${3 * idleTrackersMax - 1}`)).toBeDefined();
});

test("H06 of too many handles that are watched one that nobody watches goes first, then the one that has waited longest, and is told", async () => {
  const forgotten: string[] = [];
  const trackers = new Trackers((id, each) => {
    forgotten.push(id);
    each.park(() => undefined);
  });
  const waiting: Promise<unknown>[] = [];
  const settle = (id: string, watched: boolean): void => {
    const each = tracker(id);
    if (watched) waiting.push(each.reached("sent").catch((error: unknown) => `${id} ${(error as UsageError).code}`));
    trackers.add(each);
    trackers.settle(id);
  };
  for (let i = 0; i < settledTrackersMax - 1; i++) settle(`${i}`, true);
  settle("nobody's", false);
  expect(forgotten).toEqual([]);
  settle("one more", true);
  expect(forgotten).toEqual(["nobody's"]);
  settle("and one", true);
  expect(forgotten).toHaveLength(2);
  expect(await Promise.race(waiting)).toBe(`${forgotten[1] ?? ""} ERR_ABORTED`);
});
