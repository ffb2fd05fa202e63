import { expect, test } from "vitest";
import { parseBareJid, type BareJid } from "../../../src/base/jid.js";
import { ClientError } from "../../../src/client/errors.js";
import { SendTracker } from "../../../src/client/send-handle.js";

const tracker = (): SendTracker => new SendTracker("id", parseBareJid("juliet@example.org") as BareJid);
const refusal = new ClientError("ERR_NO_OMEMO", "none");

test("reached() resolves for the state asked for and for every later one", async () => {
  const handle = tracker();
  const stored = handle.reached("stored");
  const sealed = handle.reached("sealed");
  handle.advance("stored");
  expect((await stored).state).toBe("stored");
  handle.advance("sent");
  expect((await sealed).state).toBe("sent");
  expect((await handle.reached("stored")).state).toBe("sent");
});

test("states only move forward", () => {
  const handle = tracker();
  handle.advance("sealed");
  handle.advance("stored");
  expect(handle.getSnapshot().state).toBe("sealed");
  handle.fail(refusal);
  handle.advance("sent");
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

test("waiting can be aborted, the message goes on", async () => {
  const handle = tracker();
  const stop = new AbortController();
  const waiting = handle.reached("sent", { signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: "ERR_ABORTED" });
  handle.advance("sent");
  expect(handle.getSnapshot().state).toBe("sent");
});
