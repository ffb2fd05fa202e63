/** Conversations, the newest first, with their last words and what is unread. @module */
import type { ConversationSummary } from "sotto";
import { attempt, type App } from "../app.js";
import { button, h, hidden, setAttribute, setText } from "../lib/dom.js";
import { briefly, lineOf, nameOf, writtenAt } from "../lib/format.js";
import { KeyedList, type Row } from "../lib/keyed-list.js";
import { chatLink } from "../route.js";
import { arrowKeys } from "./arrow-keys.js";
import { avatar } from "./avatar.js";

export function chatList(app: App): HTMLElement {
  const { scope, conversations, route, client } = app;
  const list = h("ul", { class: "entries", "aria-label": "Chats" });
  const empty = h("p", { class: "hint padded" }, "No messages yet. Choose somebody under Contacts.");
  const rows = new KeyedList<ConversationSummary>(list, ({ jid }) => jid, (summary) => row(app, summary));
  const more = button("Show more", () => {
    const { conversations: { length } } = conversations.getSnapshot();
    attempt(app, async () => { await (await client.conversations()).show(length + 50); });
  }, { class: "older" });
  const render = (): void => {
    const { conversations: shown, total } = conversations.getSnapshot();
    rows.show(shown);
    empty.hidden = total > 0;
    more.hidden = total <= shown.length;
  };
  scope.watchAll([conversations, route, client.roster, client.presence], render); // the roster has the names
  arrowKeys(list);
  return h("div", {}, list, more, empty);
}

function row(app: App, { jid }: ConversationSummary): Row<ConversationSummary> {
  const portrait = avatar(app, jid);
  const name = h("bdi", { class: "entry-name" });
  const when = h("time", { class: "entry-time" });
  const line = h("span", { class: "entry-line", dir: "auto" });
  const unread = h("span", { class: "badge" });
  const link = h("a", { class: "entry", href: chatLink(jid) }, portrait.element,
    h("span", { class: "entry-text" }, h("span", { class: "entry-top" }, name, when), h("span", { class: "entry-bottom" }, line, unread)));
  let counted = 0;
  return {
    element: h("li", {}, link),
    update: (summary) => {
      setText(name, nameOf(app.client, jid));
      portrait.update();
      setText(when, briefly(writtenAt(summary.last)));
      setText(line, (summary.last.direction === "sent" ? "You: " : "") + lineOf(summary.last));
      if (summary.unread !== counted) unread.replaceChildren(...(summary.unread === 0 ? [] : [String(summary.unread), hidden(" unread")]));
      counted = summary.unread;
      unread.hidden = counted === 0;
      link.classList.toggle("has-unread", summary.unread > 0);
      setAttribute(link, "aria-current", app.route.getSnapshot() === jid ? "page" : undefined);
    },
  };
}
