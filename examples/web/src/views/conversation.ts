/** The open conversation: who it is with, the messages, and the place to write. @module */
import { parseJid } from "sotto";
import type { App } from "../app.js";
import { button, h, iconButton } from "../lib/dom.js";
import { levelNames, nameOf, presenceOf } from "../lib/format.js";
import { go } from "../route.js";
import { openAddContact } from "./add-contact.js";
import { avatar } from "./avatar.js";
import { watchBeyond } from "./beyond.js";
import { watchBlocked } from "./blocked.js";
import { composer } from "./composer.js";
import { openContactDetails } from "./contact-details.js";
import { messageList } from "./message-list.js";

export function conversationView(app: App, address: string): HTMLElement {
  const jid = parseJid(address);
  if (jid === undefined || jid.includes("/")) return h("div", { class: "empty" }, h("p", {}, "There is no such address."));
  const conversation = app.client.conversation(jid);
  // Devices and keys are fetched while the user still reads. What fails here is tried again when something is sent.
  const prepared = conversation.prepare({ signal: app.scope.signal });
  const writing = composer(app, conversation);
  return h("div", { class: "conversation" }, head(app, jid), notices(app, jid, prepared, writing.setBlocked), messageList(app, conversation, writing.write), writing.element);
}

function head(app: App, jid: string): HTMLElement {
  const { client, scope } = app;
  const portrait = avatar(app, jid);
  const name = h("h2", { class: "chat-name", tabindex: "-1", dir: "auto" });
  const line = h("p", { class: "chat-line" });
  const render = (): void => {
    name.textContent = nameOf(client, jid);
    portrait.update();
    const { text } = presenceOf(client.presence.contact(jid));
    const shown = client.presence.effective(jid);
    const parts = [...(client.roster.get(jid)?.name === undefined ? [] : [jid]), text, ...(shown === undefined ? [] : [`sees you ${levelNames[shown.level]}`])];
    line.replaceChildren(...parts.flatMap((part, i) => (i === 0 ? [h("bdi", {}, part)] : [" · ", h("bdi", {}, part)])));
  };
  scope.watchAll([client.roster, client.presence, client.presence.own, client.presence.currentPolicy], render);
  return h("header", { class: "chat-head" }, iconButton("back", "Back to the lists", () => { go(undefined); }),
    portrait.element, h("div", { class: "chat-who" }, name, line), iconButton("shield", "Contact, devices and keys", () => { openContactDetails(app, jid); }));
}

/** What has to be known about this conversation before anything is written. */
function notices(app: App, jid: string, prepared: Promise<void>, setBlocked: (blocked: boolean) => void): HTMLElement {
  const { client, scope } = app;
  const stranger = h("p", { class: "notice" }, "Not in your contacts: anybody can have any address. ", button("Add", () => { openAddContact(app, jid); }, { class: "link" }));
  const blocked = h("p", { class: "notice" }, "You have blocked this address.");
  const beyond = h("p", { class: "notice warning" }, "This chat leads into another network: encryption ends at the gateway.");
  watchBeyond(app, jid, prepared, (found) => { beyond.hidden = found === undefined; });
  scope.watch(client.roster, ({ contacts }) => { stranger.hidden = Array.from(contacts.keys()).some((known) => known === jid); });
  watchBlocked(app, (isBlocked) => {
    blocked.hidden = !isBlocked(jid);
    setBlocked(isBlocked(jid));
  });
  return h("div", { class: "notices" }, stranger, blocked, beyond);
}
