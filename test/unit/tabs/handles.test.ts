/** Handles and outcomes that nobody needs any more, or that somebody asks again. Frames are written down, and answered by the test. */
import { expect, test } from "vitest";
import { UsageError } from "../../../src/base/errors.js";
import { ClientError } from "../../../src/client/errors.js";
import type { InboxDelivery } from "../../../src/client/inbox/types.js";
import type { Message } from "../../../src/client/message.js";
import { idleTrackersMax } from "../../../src/client/outbox/trackers.js";
import type { SendProgress } from "../../../src/client/outbox/send-handle.js";
import type { Calls, Follower } from "../../../src/tabs/calls.js";
import { RemoteInbox } from "../../../src/tabs/facade-inbox.js";
import type { FacadeFrame, HostFrame, OutgoingDraft } from "../../../src/tabs/frames.js";
import { Sends } from "../../../src/tabs/sends.js";
import { pack } from "../../../src/tabs/wire.js";
import { calm, juliet, testWorld } from "../../support/facade-world.js";

/** What handles and inboxes use of the way to the leader. */
class ScriptedCalls implements Pick<Calls, "ask" | "end" | "follow" | "isOver" | "newId" | "review" | "session" | "tell"> {
  readonly frames: FacadeFrame[] = [];
  readonly followers: Follower[] = [];
  /** What a call comes to. */
  answer: (method: string, args: readonly unknown[]) => Promise<unknown> = () => Promise.resolve();
  isOver = false;
  session = 1;
  #ids = 0;

  get end(): undefined {
    return undefined;
  }

  ask(_on: unknown, method: string, args: readonly unknown[]): Promise<unknown> {
    return this.answer(method, args);
  }

  newId(): number {
    return ++this.#ids;
  }

  follow(follower: Follower): () => void {
    this.followers.push(follower);
    follower.begin();
    return () => undefined;
  }

  tell(frame: FacadeFrame): void {
    this.frames.push(frame);
  }

  review(): void {
    this.#ids += 0; // who waits is not asked here
  }

  hear(frame: HostFrame): void {
    for (const { take } of this.followers) take(frame);
  }

  progress(message: string, progress: Partial<SendProgress>): void {
    this.hear({ kind: "progress", message, progress: pack({ archived: false, report: [], ...progress }) });
  }

  /** Another leader, or another session with the same one. */
  begin(): void {
    this.session += 1;
    this.frames.length = 0;
    for (const { begin } of this.followers) begin();
  }

  kinds(kind: FacadeFrame["kind"]): readonly FacadeFrame[] {
    return this.frames.filter((frame) => frame.kind === kind);
  }
}

function scene(): { readonly calls: ScriptedCalls; readonly sends: Sends; readonly inbox: () => Promise<RemoteInbox> } {
  const calls = new ScriptedCalls();
  const sends = new Sends(calls as unknown as Calls);
  return { calls, sends, inbox: () => RemoteInbox.open(calls as unknown as Calls, sends) };
}

const message = { position: 7, conversation: juliet, text: "hi" } as unknown as Message;

test("a leader does not go on telling a tab of messages that have failed", async () => {
  const there = testWorld();
  const { client, host } = await there.open();
  const { client: second, link } = await there.tab();
  const handle = client.conversation(juliet).send({ text: "never mind" });
  await handle.reached("stored");
  await handle.cancel();
  await calm();
  const before = host.use.follows;
  for (let i = 0; i < 3; i++) expect((await second.conversation(juliet).sendHandle(handle.id))?.getSnapshot().state).toBe("failed");
  await calm();
  expect(host.use.follows).toBe(before);
  expect(link.sent.filter(({ kind }) => kind === "follow")).toEqual([]);
});

test("what a handle has shown is not taken back under the next leader, which knows only what it has read: the devices, the archive", () => {
  const { calls, sends } = scene();
  const report = [{ device: { jid: juliet, deviceId: 7 }, result: "encrypted" }] as unknown as SendProgress["report"];
  const [sent, failed] = [sends.send(juliet, "hi", "omemo"), sends.send(juliet, "ho", "omemo")];
  for (const { id } of [sent, failed]) calls.progress(id, { state: "sealed", report, archived: true });
  calls.begin();
  calls.progress(sent.id, { state: "sent" });
  calls.progress(failed.id, { state: "failed", error: new ClientError("ERR_NO_OMEMO", "planned") });
  expect([sent, failed].map(({ getSnapshot }) => getSnapshot())).toMatchObject([{ state: "sent", report, archived: true }, { state: "failed", report, archived: true }]);
});

test("a leader does not follow a message that its tab let go while it was looked for", async () => {
  const there = testWorld();
  const { client, link, host } = await there.open();
  const handle = client.conversation(juliet).send({ text: "one" });
  await handle.reached("stored");
  link.send({ kind: "unfollow", message: handle.id });
  await calm();
  const before = host.use.follows;
  link.send({ kind: "follow", messages: [{ id: handle.id, to: juliet }] });
  link.send({ kind: "unfollow", message: handle.id });
  await calm();
  expect(host.use.follows).toBe(before);
  link.send({ kind: "follow", messages: [{ id: handle.id, to: juliet }] });
  await calm();
  expect(host.use.follows).toBe(before + 1);
});

test("Q04 an older handle goes on with the one that sendHandle() has made since", async () => {
  const { calls, sends } = scene();
  const older = sends.send(juliet, "first", "omemo");
  calls.progress(older.id, { state: "sent" });
  for (let i = 0; i <= idleTrackersMax; i++) calls.progress(sends.send(juliet, "later", "omemo").id, { state: "sent" });
  const newer = sends.resume(older.id, juliet, { state: "delivered", archived: false, report: [] });
  expect(newer).not.toBe(older);
  expect(older.getSnapshot().state).toBe("delivered");
  const displayed = older.reached("displayed");
  calls.progress(older.id, { state: "displayed" });
  expect((await displayed).state).toBe("displayed");
  calls.progress(older.id, { state: "displayed", archived: true });
  expect(older.getSnapshot().archived).toBe(true);
  const refused = new ClientError("ERR_MESSAGE_REFUSED", "no");
  calls.progress(older.id, { state: "failed", error: refused });
  expect(older.getSnapshot()).toMatchObject({ state: "failed", error: { code: "ERR_MESSAGE_REFUSED" } });
});

test("Q21 whoever waits at such an older handle hears when the tab closes", async () => {
  const { calls, sends } = scene();
  const older = sends.send(juliet, "first", "omemo");
  calls.progress(older.id, { state: "sent" });
  for (let i = 0; i <= idleTrackersMax; i++) calls.progress(sends.send(juliet, "later", "omemo").id, { state: "sent" });
  sends.resume(older.id, juliet, { state: "sent", archived: false, report: [] });
  const waiting = older.reached("displayed");
  const closed = new UsageError("ERR_CLOSED", "closed");
  calls.isOver = true;
  for (const { end } of calls.followers) end(closed);
  await expect(waiting).rejects.toBe(closed);
  await expect(older.reached("displayed")).rejects.toBe(closed);
});

test("replies of an acknowledgement that was refused are not followed under the next leader", async () => {
  const { calls, inbox } = scene();
  const opened = await inbox();
  const deliveries = opened[Symbol.asyncIterator]();
  const next = deliveries.next();
  const read = calls.kinds("read")[0] as FacadeFrame & { readonly kind: "read" };
  calls.hear({ kind: "item", id: read.id, item: { message, attempt: 1 } });
  const delivery = (await next).value as InboxDelivery;
  calls.answer = () => Promise.reject(new ClientError("ERR_OUTBOX_FULL", "full"));
  await expect(delivery.ack({ replies: [{ text: "re" }] })).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL" });
  calls.begin();
  expect(calls.kinds("follow")).toEqual([]);
  calls.answer = (_method, [, replies]) => Promise.resolve((replies as readonly OutgoingDraft[]).map(({ id }) => id)); // all of them are stored
  await delivery.ack({ replies: [{ text: "re" }] });
  calls.begin();
  expect(calls.kinds("follow")).toHaveLength(1);
});

/** The present leader hands the message out. */
async function deliver(calls: ScriptedCalls, receivedAt: number = 0): Promise<void> {
  const { id } = calls.kinds("process").at(-1) as FacadeFrame & { readonly kind: "process" };
  calls.hear({ kind: "delivery", process: id, message: { ...message, receivedAt }, attempt: 1 });
  await calm();
}

/** Whose attempts the next leader was told to go on. */
const goingOn = (calls: ScriptedCalls): unknown => (calls.kinds("call") as readonly (FacadeFrame & { readonly kind: "call" })[]).find(({ method }) => method === "open")?.args;

test("Q03 a handler is called again if the leader that was told its outcome hands the message out again, and not for another leader", async () => {
  const { calls, inbox } = scene();
  const opened = await inbox();
  let times = 0;
  void opened.process(() => {
    times += 1;
    return Promise.resolve([{ text: "re" }]);
  });
  await deliver(calls);
  const [first] = calls.kinds("handled");
  calls.begin();
  expect(goingOn(calls)).toEqual([[]]);
  await deliver(calls);
  expect(calls.kinds("handled")).toEqual([first]);
  expect(times).toBe(1);
  await deliver(calls); // it could not be settled so
  expect(times).toBe(2);
});

test.each([
  ["what it returns", undefined],
  ["its failure", new TypeError("no")],
])("Q22 a handler that ends before the next leader hands its message out is not called again, and that one is told %s", async (_, error) => {
  const { calls, inbox } = scene();
  const opened = await inbox();
  let times = 0;
  let end: () => void = () => undefined;
  void opened.process(() => new Promise<{ readonly text: string }[]>((resolve, reject) => {
    times += 1;
    end = () => {
      if (error === undefined) resolve([{ text: "re" }]);
      else reject(error);
    };
  }));
  await deliver(calls);
  calls.begin();
  expect(goingOn(calls)).toEqual([[message.position]]);
  end();
  await calm();
  expect(calls.kinds("handled")).toEqual([]);
  await deliver(calls);
  const [handled] = calls.kinds("handled");
  expect(handled).toMatchObject(error === undefined ? { position: message.position, replies: [{ text: "re" }] } : { position: message.position, error: { code: "ERR_INTERNAL" } });
  expect(times).toBe(1);
  await deliver(calls);
  expect(times).toBe(2);
});

test("D07 Q22 a message of a new store that has the place of an older one is another message: its handler is called", async () => {
  const { calls, inbox } = scene();
  const opened = await inbox();
  let times = 0;
  void opened.process(() => {
    times += 1;
    return Promise.resolve([{ text: `re ${times.toString()}` }]);
  });
  await deliver(calls, 1);
  calls.begin();
  await deliver(calls, 2);
  expect(times).toBe(2);
  expect(calls.kinds("handled")).toMatchObject([{ replies: [{ text: "re 2" }] }]);
});

test.each([[Symbol("no text")], [() => "no text"], [undefined], [""]])("a handler that returns what no message can be has failed: the leader is told so, whatever it was (%o)", async (text) => {
  const { calls, inbox } = scene();
  const opened = await inbox();
  void opened.process(() => Promise.resolve([{ text: text as string }]));
  await deliver(calls);
  expect(structuredClone(calls.kinds("handled"))).toMatchObject([{ position: message.position, error: { code: "ERR_INVALID_TEXT" } }]);
});
