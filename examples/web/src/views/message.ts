/** One message: what it says, who could read it, and how far it has come. @module */
import type { ClientConversation, Delivery, Message, MessageSecurity } from "sotto";
import { attempt, type App } from "../app.js";
import { draftOf } from "../drafts.js";
import { type Attributes, button, h, hidden, setText } from "../lib/dom.js";
import { explainCode } from "../lib/explain.js";
import { nameOf, timeOf, writtenAt } from "../lib/format.js";
import type { Composer } from "./composer.js";

/** How a state is called, and what stands behind it. */
const states: Readonly<Record<Delivery["state"], readonly [name: string, meaning: string]>> = {
  stored: ["Waiting", "It is stored on this device and leaves by itself"],
  sealed: ["Encrypted", "It is encrypted and on its way to the server"],
  sent: ["Sent", "The server has it"],
  delivered: ["Delivered", "It has come to a device of the contact"],
  displayed: ["Read", "It was shown on a device of the contact"],
  failed: ["Not sent", "It will not be sent any more"],
};

interface MessageItem {
  readonly message: Message;
}

/** A row of the message list. */
export function messageRow(
  app: App, conversation: ClientConversation, message: Message, write: Composer["write"],
): { readonly element: HTMLElement; readonly update: (item: MessageItem) => void } {
  const words = h("p", { class: "words", dir: "auto" });
  const mark = h("span", { class: "mark" });
  const time = h("time", {});
  const state = h("span", { class: "state" });
  const reason = h("p", { class: "reason" });
  const actions = h("div", { class: "actions" });
  const said = message.direction === "sent" ? "You" : nameOf(app.client, conversation.jid);
  const element = h("li", { class: `message ${message.direction}` },
    h("div", { class: "bubble" }, hidden(`${said}: `), words, h("p", { class: "foot" }, mark, time, state), reason, actions));
  let current: Message | undefined;
  let shown: Delivery["state"] | undefined;
  const update = ({ message: next }: MessageItem): void => {
    if (next === current) return; // of all messages usually one is new or has changed
    current = next;
    const { delivery, security, text, unreadable } = next;
    setText(words, unreadable === undefined ? text : "This device cannot read this message.");
    words.classList.toggle("unreadable", unreadable !== undefined);
    const at = writtenAt(next);
    setText(time, timeOf(at));
    time.dateTime = new Date(at).toISOString();
    const warning = markOf(security);
    setText(mark, warning?.text ?? "");
    mark.dataset["kind"] = warning?.kind;
    mark.hidden = warning === undefined;
    element.dataset["security"] = security.level;
    if (delivery === undefined || delivery.state === shown) return;
    shown = delivery.state;
    const [name, meaning] = states[delivery.state];
    state.textContent = name;
    state.title = meaning;
    state.dataset["state"] = delivery.state;
    reason.textContent = delivery.state === "failed" ? explainCode(delivery.error?.code ?? "unknown") : "";
    actions.replaceChildren(...actionsFor(app, conversation, next, write));
  };
  return { element, update };
}

/** What the user can do about a message that waits, or was not sent. */
function actionsFor(app: App, conversation: ClientConversation, message: Message, write: Composer["write"]): readonly HTMLButtonElement[] {
  const buttons: HTMLButtonElement[] = [];
  const add = (label: string, work: () => Promise<unknown>, attributes?: Attributes): void => {
    buttons.push(button(label, () => {
      for (const each of buttons) each.disabled = true;
      attempt(app, async () => {
        await work().finally(() => { for (const each of buttons) each.disabled = false; });
        document.querySelector<HTMLElement>(".composer textarea")?.focus(); // the button goes away with what it was about
      });
    }, attributes));
  };
  const again = (protection: "encrypted" | "none") => async (): Promise<void> => {
    await write(message.text, protection);
    await conversation.deleteMessage(message); // it stands below now
  };
  const { state, error } = message.delivery ?? {};
  if (state === "stored") add("Take back", () => takeBack(app, conversation, message), { class: "take-back" }); // not shown while online
  if (state === "failed") {
    add("Try again", again("encrypted"));
    if (error?.code === "ERR_NO_OMEMO") add("Send without encryption", again("none"), { class: "danger" });
    add("Remove", () => conversation.deleteMessage(message));
  }
  return buttons;
}

async function takeBack(app: App, conversation: ClientConversation, message: Message): Promise<void> {
  const handle = await conversation.sendHandle(message.id);
  if (await handle?.cancel() !== true) {
    app.announce("It has left already.", "problem");
    return;
  }
  draftOf(conversation.jid).takenBack(message.text);
  await conversation.deleteMessage(message);
}

/** What has to be said about who could read and write it; nothing if all is well. */
function markOf(security: MessageSecurity): { readonly kind: "warning" | "good"; readonly text: string } | undefined {
  switch (security.level) {
    case "none": return { kind: "warning", text: "Not encrypted" };
    case "distrusted": return { kind: "warning", text: "From a device you distrust" };
    case "undecided": return { kind: "warning", text: "From a new device: compare its key" };
    case "unknown": return { kind: "warning", text: "Could not be opened" };
    case "authenticated": return { kind: "good", text: "Verified" };
    case "trusted":
    case "own": return undefined;
  }
}
