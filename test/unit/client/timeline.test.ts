/** The timeline under subscribers that come and go faster than the log is read, as user-interface libraries do. */
import { expect, test } from "vitest";
import { Emitter } from "../../../src/base/events.js";
import type { HistoryPage } from "../../../src/client/log/backfill.js";
import type { LogChange } from "../../../src/client/log/message-log.js";
import { createTimeline, type Timeline, timelineMax } from "../../../src/client/log/timeline.js";
import type { Message } from "../../../src/client/message.js";
import { romeo } from "../../support/omemo-world.js";

const message = (position: number): Message =>
  ({ position, id: `m${position.toString()}`, conversation: romeo, from: romeo, direction: "received", text: `${position}`, receivedAt: 1, security: { level: "none" } });

/** A log whose reads end when the test says so, with what the log held when they began. */
class SlowLog {
  readonly held: Message[] = [];
  readonly #changes = new Emitter<LogChange>();
  readonly #reads: (() => void)[] = [];

  readonly timeline: Timeline = createTimeline(
    { onChange: (listener) => this.#changes.subscribe(listener) }, romeo, { local: () => this.#page(), older: () => this.#page() }, () => undefined,
  );

  get texts(): readonly string[] { return this.timeline.getSnapshot().messages.map(({ text }) => text); }

  append(position: number): void {
    this.held.push(message(position));
    this.#changes.emit({ kind: "added", message: message(position) });
  }

  tell(kind: "changed" | "removed", position: number): void {
    this.#changes.emit({ kind, message: message(position) });
  }

  async finish(which: number): Promise<void> {
    this.#reads[which]?.();
    await new Promise((resolve) => { setTimeout(resolve, 0); });
  }

  #page(): Promise<HistoryPage> {
    const messages = [...this.held];
    return new Promise((resolve) => { this.#reads.push(() => { resolve({ messages, complete: false }); }); });
  }
}

test.each([["in their order", [0, 1]], ["the other way round", [1, 0]]])("subscribing, leaving and subscribing again shows what came in between, when the reads end %s", async (_, order) => {
  const log = new SlowLog();
  log.append(1);
  log.timeline.subscribe(() => undefined)();
  log.append(2);
  log.timeline.subscribe(() => undefined);
  log.append(3);
  for (const [at, read] of order.entries()) {
    await log.finish(read);
    log.append(10 + at);
  }
  await log.finish(9);
  expect(log.texts).toEqual(["1", "2", "3", "10", "11"]);
  expect(log.timeline.getSnapshot().loading).toBe(false);
});

test("what comes while an older page is read takes nothing away between that page and what is shown", async () => {
  const change = new Emitter<LogChange>();
  let read = (): void => undefined;
  const positions = (from: number, to: number): Message[] => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
  const timeline = createTimeline({ onChange: (listener) => change.subscribe(listener) }, romeo, {
    local: async () => ({ messages: positions(3, timelineMax + 2), complete: false }),
    older: () => new Promise((resolve) => { read = () => { resolve({ messages: positions(1, 2), complete: true }); }; }),
  }, () => undefined);
  timeline.subscribe(() => undefined);
  await expect.poll(() => timeline.getSnapshot().messages.length).toBe(timelineMax);
  const loaded = timeline.loadOlder();
  change.emit({ kind: "added", message: message(timelineMax + 3) });
  await Promise.resolve();
  expect(timeline.getSnapshot().messages.length).toBe(timelineMax); // bounded meanwhile
  read();
  await loaded;
  expect(timeline.getSnapshot()).toEqual({ messages: positions(1, timelineMax + 3), loading: false, complete: true });
});

test("a change of a message that is not shown adds nothing to a list that deletions have emptied", async () => {
  const log = new SlowLog();
  log.append(5);
  log.timeline.subscribe(() => undefined);
  await log.finish(0);
  log.tell("removed", 5);
  log.tell("changed", 3);
  expect(log.texts).toEqual([]);
  log.append(6);
  expect(log.texts).toEqual(["6"]);
});
