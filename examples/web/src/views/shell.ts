/** The frame around everything: lists on one side, the conversation on the other; on a phone one at a time. @module */
import type { Client, ConversationsSnapshot } from "sotto";
import { type App, attempt } from "../app.js";
import { h, iconButton } from "../lib/dom.js";
import type { Scope } from "../lib/scope.js";
import { Value } from "../lib/value.js";
import { chatLink, followRoute } from "../route.js";
import { createAnnouncer } from "./announcer.js";
import { conversationView } from "./conversation.js";
import { availabilityChoice } from "./own-availability.js";
import { openSettings } from "./settings-dialog.js";
import { followShortcuts } from "./shortcuts.js";
import { sidebarLists } from "./sidebar.js";
import { statusBanner } from "./status-banner.js";
import { storageNotices } from "./storage-notices.js";

export interface ShellOptions {
  readonly client: Client;
  readonly account: string;
  readonly scope: Scope;
  readonly signOut: (problem?: string) => void;
}

/** Shows the account in place of everything. */
export function showShell(root: HTMLElement, options: ShellOptions): void {
  const { client, account, scope } = options;
  const route = followRoute(scope);
  const announcer = createAnnouncer(scope);
  const conversations = new Value<ConversationsSnapshot>({ conversations: [], total: 0, unread: 0 });
  const app: App = { client, account, scope, route, conversations, announce: announcer.say, signOut: () => { options.signOut(); } };
  attempt(app, async () => {
    const all = await client.conversations();
    if (!scope.signal.aborted) scope.watch(all, (snapshot) => { conversations.set(snapshot); });
  });

  const lists = sidebarLists(app);
  const { urgent, hint } = storageNotices(app);
  const sidebar = h("nav", { class: "sidebar", "aria-label": "Chats and contacts" },
    h("header", { class: "sidebar-head" },
      h("div", { class: "self" }, h("p", { class: "account" }, h("bdi", {}, account)), availabilityChoice(app)),
      iconButton("gear", "Settings", () => { openSettings(app); })),
    statusBanner(app, options.signOut), lists.element, hint);
  const pane = h("section", { class: "pane", "aria-label": "Conversation" });
  const frame = h("main", { class: "app" }, h("h1", { class: "visually-hidden" }, "Sotto"), urgent, sidebar, pane);
  root.replaceChildren(frame, announcer.element);

  scope.watch(client.status, ({ kind }) => { frame.dataset["connection"] = kind; });
  let open: { readonly jid: string | undefined; readonly scope: Scope } | undefined;
  scope.watch(route, (jid) => {
    const before = open;
    before?.scope.end();
    open = { jid, scope: scope.child() };
    frame.dataset["pane"] = jid === undefined ? "lists" : "chat";
    pane.replaceChildren(jid === undefined ? nothingOpen() : conversationView({ ...app, scope: open.scope }, jid));
    if (before === undefined) return; // the page has just been loaded: the focus is where its user put it
    if (jid === undefined) focusInLists(sidebar, before.jid);
    else focusInChat(pane);
  });
  scope.watch(conversations, ({ unread }) => {
    document.title = unread === 0 ? "Sotto" : `(${unread}) Sotto`;
  });
  followShortcuts(app, lists);
  announcer.follow(app);
  tellWhetherLookedAt(app);
  scope.add(() => { for (const dialog of document.querySelectorAll("dialog")) dialog.remove(); });
}

/** The server is told whether anybody looks: it may spare the others what can wait. */
function tellWhetherLookedAt({ client, scope }: App): void {
  const tell = (): void => { client.setActive(document.visibilityState === "visible"); };
  scope.on(document, "visibilitychange", tell);
  tell();
}

function nothingOpen(): HTMLElement {
  return h("div", { class: "empty" }, h("span", { class: "icon icon-lock", "aria-hidden": "true" }),
    h("p", {}, "Choose a chat, or somebody from your contacts."), h("p", { class: "hint" }, "Messages are encrypted from your device to theirs."));
}

/** Back to where the chat was opened. */
function focusInLists(sidebar: HTMLElement, left: string | undefined): void {
  const links = Array.from(sidebar.querySelectorAll<HTMLAnchorElement>("a.entry"));
  const link = links.find((each) => left !== undefined && each.hash === chatLink(left) && each.offsetParent !== null);
  (link ?? sidebar.querySelector<HTMLElement>("[role=tab][aria-selected=true]"))?.focus();
}

/** To the text field; where that would bring up a keyboard on the screen, to the name. */
function focusInChat(pane: HTMLElement): void {
  const touch = matchMedia("(pointer: coarse)").matches;
  const field = touch ? null : pane.querySelector<HTMLElement>("textarea:not(:disabled)");
  (field ?? pane.querySelector<HTMLElement>("h2"))?.focus();
}
