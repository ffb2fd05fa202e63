/** Conversations in components, over a real client without a connection: timelines, sending, events, parts. */
import { act, createElement, type ReactNode, useEffect } from "react";
import { expect, test } from "vitest";
import type { ClientEvent } from "../../../src/client/events.js";
import type { Client, MessageDraft, SendHandle, TimelineSnapshot } from "../../../src/index.js";
import { useAvailability } from "../../../src/react/use-account.js";
import { useConversation, useSend, useSendProgress } from "../../../src/react/use-conversation.js";
import { useEvent } from "../../../src/react/use-event.js";
import { useConversations, usePart } from "../../../src/react/use-part.js";
import { type TimelineView, useTimeline } from "../../../src/react/use-timeline.js";
import { CountedValue, FakeClient, offlineClient, page, shows, strict, withClient } from "./stage.js";

const juliet = "juliet@verona.example";
const paris = "paris@verona.example";

const Timeline = ({ jid }: { readonly jid: string }): ReactNode => {
  const { messages, loading } = useTimeline(jid);
  return loading ? "loading" : messages.map(({ position, text, delivery }) => createElement("p", { key: position }, `${text} ${delivery?.state ?? ""};`));
};

test("a timeline is read and followed, with the states of its messages, in StrictMode", async () => {
  const client = await offlineClient();
  await client.conversation(juliet).send({ text: "first" }).reached("stored");
  const at = page();
  await at.render(strict(withClient(client, createElement(Timeline, { jid: juliet }))));
  await shows(at.text, "first stored;");
  const handle = client.conversation(juliet).send({ text: "second" });
  await act(async () => { await handle.reached("stored"); });
  await shows(at.text, "first stored;second stored;");
  await act(async () => { await handle.cancel(); });
  await shows(at.text, "first stored;second failed;");
});

test("another address shows another conversation, and nothing of the first one", async () => {
  const client = await offlineClient();
  for (const [jid, text] of [[juliet, "to juliet"], [paris, "to paris"]] as const) await client.conversation(jid).send({ text }).reached("stored");
  const at = page();
  const seen: string[] = [];
  const Watched = ({ jid }: { readonly jid: string }): ReactNode => {
    const { messages } = useTimeline(jid);
    seen.push(...messages.map(({ text }) => `${jid} ${text}`));
    return messages.map(({ text }) => text).join();
  };
  await at.render(withClient(client, createElement(Watched, { jid: juliet })));
  await shows(at.text, "to juliet");
  await at.render(withClient(client, createElement(Watched, { jid: paris })));
  await shows(at.text, "to paris");
  expect(new Set(seen)).toEqual(new Set([`${juliet} to juliet`, `${paris} to paris`]));
});

test("the view of a timeline changes only with its snapshot, and loadOlder stays the same function", async () => {
  const timeline = new CountedValue<TimelineSnapshot>({ messages: [], loading: false, complete: false });
  const asked: unknown[] = [];
  const loadOlder = async (options?: unknown): Promise<void> => { asked.push(options); };
  const fake = { conversation: () => ({ timeline: () => Object.assign(timeline, { loadOlder }) }) } as unknown as Client;
  const views: TimelineView[] = [];
  const Watched = (): ReactNode => {
    views.push(useTimeline(juliet));
    return null;
  };
  const at = page();
  await at.render(withClient(fake, createElement(Watched)));
  await at.render(withClient(fake, createElement(Watched)));
  expect(new Set(views).size).toBe(1);
  await act(async () => { timeline.set({ messages: [], loading: true, complete: false }); });
  expect([new Set(views).size, new Set(views.map((view) => view.loadOlder)).size, views.at(-1)?.loading]).toEqual([2, 1, true]);
  await views[0]?.loadOlder({ limit: 7 });
  expect([asked, timeline.listeners]).toEqual([[{ limit: 7 }], 1]);
  await at.unmount();
  expect(timeline.listeners).toBe(0);
});

test("sending gives a handle whose progress can be shown", async () => {
  const client = await offlineClient();
  const sends = new Set<(draft: MessageDraft) => SendHandle>();
  const Composer = ({ sent }: { readonly sent?: SendHandle | undefined }): ReactNode => {
    sends.add(useSend(juliet));
    const progress = useSendProgress(sent);
    return progress === undefined ? "nothing sent" : `${progress.state} ${progress.error?.code ?? ""}`;
  };
  const at = page();
  await at.render(withClient(client, createElement(Composer, {})));
  expect(at.text()).toBe("nothing sent");
  const handle = [...sends][0]?.({ text: "hello" });
  await at.render(withClient(client, createElement(Composer, { sent: handle })));
  await act(async () => { await handle?.reached("stored"); });
  expect(at.text()).toBe("stored ");
  await act(async () => { await handle?.cancel(); });
  expect([at.text(), sends.size]).toEqual(["failed ERR_MESSAGE_CANCELLED", 1]);
});

test("events reach the listener of the latest render, once in StrictMode, and none after the end", async () => {
  const fake = new FakeClient();
  const heard: string[] = [];
  const Ear = ({ name }: { readonly name: string }): ReactNode => {
    useEvent((event) => { heard.push(`${name} ${event.kind}`); });
    useEffect(() => { fake.events.emit({ kind: "history-unreadable", before: 1 }); }, [name]); // in the commit itself
    return null;
  };
  const at = page();
  await at.render(strict(withClient(fake.client, createElement(Ear, { name: "first" }))));
  heard.length = 0;
  await at.render(strict(withClient(fake.client, createElement(Ear, { name: "second" }))));
  const event: ClientEvent = { kind: "not-listed", reason: "full" };
  fake.events.emit(event);
  expect(heard).toEqual(["second history-unreadable", "second not-listed"]);
  await at.unmount();
  fake.events.emit(event);
  expect([heard.length, fake.events.size]).toEqual([2, 0]);
});

test("what the user says of himself is shown as he sets it, and a conversation is one object", async () => {
  const client = await offlineClient();
  const conversations = new Set<unknown>();
  const Own = (): ReactNode => {
    conversations.add(useConversation(juliet));
    const own = useAvailability();
    return own.kind === "available" ? own.show : own.kind;
  };
  const at = page();
  await at.render(withClient(client, createElement(Own)));
  for (const change of [{ show: "away" }, "unavailable"] as const) {
    await act(() => client.presence.set(change));
    expect(at.text()).toBe(typeof change === "string" ? change : change.show);
  }
  expect(conversations.size).toBe(1);
});

test("a part is loaded and can be observed, and a failure goes to the error boundary", async () => {
  const client = await offlineClient();
  const Blocked = (): ReactNode => {
    const blocking = usePart("blocking");
    return blocking === undefined ? "loading" : `${blocking.getSnapshot().size.toString()} blocked`;
  };
  const at = page();
  await at.render(strict(withClient(client, createElement(Blocked))));
  await shows(at.text, "0 blocked");
  const broken = { blocking: () => Promise.reject(new DOMException("broken")) } as unknown as Client;
  const error: unknown = await page().render(withClient(broken, createElement(Blocked))).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ message: "broken" });
});

test("the list of conversations follows the log", async () => {
  const client = await offlineClient();
  const List = (): ReactNode => useConversations()?.conversations.map(({ jid }) => jid).join() ?? "loading";
  const at = page();
  await at.render(strict(withClient(client, createElement(List))));
  await shows(at.text, "");
  for (const jid of [juliet, paris]) await act(async () => { await client.conversation(jid).send({ text: "hello" }).reached("stored"); });
  await shows(at.text, `${paris},${juliet}`);
});
