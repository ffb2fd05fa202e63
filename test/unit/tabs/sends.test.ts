/** The handles of a tab, without a leader: frames are written down, and answered by the test. */
import { expect, test } from "vitest";
import { UsageError } from "../../../src/base/errors.js";
import { idleTrackersMax } from "../../../src/client/outbox/trackers.js";
import type { SendProgress } from "../../../src/client/outbox/send-handle.js";
import { StorageError } from "../../../src/storage/errors.js";
import type { Calls, Follower } from "../../../src/tabs/calls.js";
import type { FacadeFrame } from "../../../src/tabs/frames.js";
import { Sends } from "../../../src/tabs/sends.js";
import { pack } from "../../../src/tabs/wire.js";
import { juliet } from "../../support/facade-world.js";

/** What handles use of the way to the leader. */
class ScriptedCalls implements Pick<Calls, "ask" | "end" | "follow" | "isOver" | "review" | "tell"> {
  readonly frames: FacadeFrame[] = [];
  follower: Follower | undefined;
  isOver = false;

  get end(): undefined {
    return undefined;
  }

  ask(): Promise<unknown> {
    return Promise.resolve(false);
  }

  follow(follower: Follower): () => void {
    this.follower = follower;
    return () => undefined;
  }

  tell(frame: FacadeFrame): void {
    this.frames.push(frame);
  }

  review(): void {
    this.frames.push({ kind: "bye" });
  }

  progress(message: string, progress: Partial<SendProgress>): void {
    this.follower?.take({ kind: "progress", message, progress: pack({ archived: false, report: [], ...progress }) });
  }
}

function scene(): { readonly calls: ScriptedCalls; readonly sends: Sends } {
  const calls = new ScriptedCalls();
  return { calls, sends: new Sends(calls as unknown as Calls) };
}

test("Q04 a handle that is kept behind a thousand newer ones is followed again when somebody asks it", () => {
  const { calls, sends } = scene();
  const first = sends.send(juliet, "first", "omemo");
  calls.progress(first.id, { state: "sent" });
  for (let i = 0; i <= idleTrackersMax; i++) {
    const { id } = sends.send(juliet, "later", "omemo");
    calls.progress(id, { state: "sent" });
  }
  expect(calls.frames).toContainEqual({ kind: "unfollow", message: first.id });
  calls.progress(first.id, { state: "delivered" });
  calls.frames.length = 0;
  expect(first.getSnapshot().state).toBe("sent"); // nobody listened
  expect(calls.frames.filter(({ kind }) => kind === "follow")).toEqual([{ kind: "follow", messages: [{ id: first.id, to: juliet }] }]);
  calls.progress(first.id, { state: "displayed" });
  expect(first.getSnapshot().state).toBe("displayed");
});

test.each([
  ["the tab closes", new UsageError("ERR_CLOSED", "closed"), "stored"],
  ["the store has ended", new StorageError("ERR_STORE_UNAVAILABLE", "gone", { details: { reason: "evicted" } }), "failed"],
])("Q21 whoever waits for a message hears it when %s, stored or not", async (_, error, unstored) => {
  const { calls, sends } = scene();
  const [stored, other] = [sends.send(juliet, "stored", "omemo"), sends.send(juliet, "not yet", "omemo")];
  calls.progress(stored.id, { state: "stored" });
  const waiting = Promise.allSettled([stored, other].map((handle) => handle.reached("sent")));
  calls.isOver = true;
  calls.follower?.end(error);
  expect((await waiting).map((each) => (each.status === "rejected" ? each.reason as unknown : undefined))).toEqual([error, error]);
  await expect(stored.reached("sent")).rejects.toBe(error);
  expect(stored.getSnapshot().state).toBe("stored");
  expect(other.getSnapshot().state).toBe(unstored === "failed" ? "failed" : "accepted");
});

test("T05 what no leader has stored yet is told to the next one as it was told to the first: encrypted, or in clear text only where that was asked for", () => {
  const { calls, sends } = scene();
  sends.send(juliet, "secret", "omemo");
  sends.send(juliet, "open", "none");
  const told = (): readonly unknown[] => calls.frames.splice(0).flatMap((frame) => (frame.kind === "send" ? [[frame.draft.text, frame.protection]] : []));
  expect(told()).toEqual([["secret", "omemo"], ["open", "none"]]);
  calls.follower?.begin();
  expect(told()).toEqual([["secret", "omemo"], ["open", "none"]]);
});

test("a leader that speaks another protocol ends nothing: the next one may go on", async () => {
  const { calls, sends } = scene();
  const handle = sends.send(juliet, "patience", "omemo");
  calls.progress(handle.id, { state: "stored" });
  const sent = handle.reached("sent");
  calls.follower?.end(new UsageError("ERR_ABORTED", "for now"));
  calls.progress(handle.id, { state: "sent" });
  expect((await sent).state).toBe("sent");
});
