/** The messages of a conversation, oldest first. It stays at its end while the user is there, and where he is while he reads. @module */
import type { ClientConversation, Message, TimelineSnapshot } from "sotto";
import { attempt, type App } from "../app.js";
import { button, h, setText } from "../lib/dom.js";
import { dayOf, nameOf, writtenAt } from "../lib/format.js";
import { KeyedList, type Row } from "../lib/keyed-list.js";
import type { Composer } from "./composer.js";
import { messageRow } from "./message.js";

type Item = { readonly kind: "day"; readonly key: string; readonly text: string } | { readonly kind: "message"; readonly key: string; readonly message: Message };

/** How near to the end, in pixels, still counts as being there. */
const endPixels = 80;

export function messageList(app: App, conversation: ClientConversation, write: Composer["write"]): HTMLElement {
  const { client, scope } = app;
  const timeline = conversation.timeline();
  const older = button("Load older messages", () => { load(); }, { class: "older" });
  const list = h("ol", { class: "messages" });
  const box = h("div", { class: "message-box", tabindex: "0", role: "region" }, older, list);
  box.setAttribute("aria-label", `Messages with ${nameOf(client, conversation.jid)}`);
  const rows = new KeyedList<Item>(list, ({ key }) => key, (item) => (item.kind === "day" ? dayRow() : messageRow(app, conversation, item.message, write) as Row<Item>));
  const load = (): void => {
    const before = box.scrollHeight;
    attempt(app, async () => {
      try {
        await timeline.loadOlder({ signal: scope.signal });
      } finally { // also where the archive could not be asked: what is stored here is shown then
        box.scrollTop += box.scrollHeight - before;
      }
    });
  };
  const render = ({ messages, loading, complete }: TimelineSnapshot): void => {
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < endPixels;
    rows.show(itemsOf(messages));
    older.hidden = complete || messages.length === 0;
    older.disabled = loading;
    older.textContent = loading ? "Loading…" : "Load older messages";
    if (atEnd) box.scrollTop = box.scrollHeight;
    tellSeen();
  };
  let told = 0;
  const tellSeen = (): void => {
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    const last = timeline.getSnapshot().messages.findLast(({ direction }) => direction === "received");
    if (last === undefined || last.position <= told) return;
    told = last.position;
    attempt(app, async () => {
      if ((await conversation.readUpTo() ?? 0) >= last.position) return;
      await conversation.markDisplayed(last);
    });
  };
  scope.watch(timeline, render);
  scope.on(window, "focus", tellSeen);
  scope.on(document, "visibilitychange", tellSeen);
  return box;
}

/** Messages with a line above each new day. */
function itemsOf(messages: readonly Message[]): readonly Item[] {
  const items: Item[] = [];
  let last = "";
  for (const message of messages) {
    const text = dayOf(writtenAt(message));
    if (text !== last) items.push({ kind: "day", key: `day ${message.position}`, text });
    last = text;
    items.push({ kind: "message", key: String(message.position), message });
  }
  return items;
}

function dayRow(): Row<Item> {
  const text = h("span", {});
  return { element: h("li", { class: "day" }, text), update: (item) => { if (item.kind === "day") setText(text, item.text); } };
}
