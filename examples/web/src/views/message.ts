/** One message: what it says, who could read it, and how far it has come. @module */
import type { Delivery, Message, MessageSecurity } from "sotto";
import { attempt, type App } from "../app.js";
import { button, h, hidden } from "../lib/dom.js";
import { explainCode } from "../lib/explain.js";
import { rescueFocus } from "../lib/focus.js";
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
export function messageRow(app: App, { conversation, direction, text }: Message, write: Composer["write"]): { readonly element: HTMLElement; readonly update: (item: MessageItem) => void } {
  const words = h("p", { class: "words", dir: "auto" });
  const mark = h("span", { class: "mark" });
  const time = h("time", {});
  const state = h("span", { class: "state" });
  const reason = h("p", { class: "reason" });
  const again = h("div", { class: "actions" });
  const said = direction === "sent" ? "You" : nameOf(app.client, conversation);
  const element = h("li", { class: `message ${direction}` },
    h("div", { class: "bubble" }, hidden(`${said}: `), words, h("p", { class: "foot" }, mark, time, state), reason, again));
  const retry = (protection: "encrypted" | "none"): void => {
    const buttons = Array.from(again.children) as HTMLButtonElement[];
    for (const each of buttons) each.disabled = true;
    attempt(app, async () => {
      await write(text, protection).finally(() => { for (const each of buttons) each.disabled = false; });
      again.replaceChildren();
      reason.textContent = "Sent again below.";
      rescueFocus(document.querySelector<HTMLElement>(".composer textarea"));
    });
  };
  let failed = false;
  const update = ({ message }: MessageItem): void => {
    const { delivery, security, unreadable } = message;
    words.textContent = unreadable === undefined ? message.text : "This device cannot read this message.";
    words.classList.toggle("unreadable", unreadable !== undefined);
    const at = writtenAt(message);
    time.textContent = timeOf(at);
    time.dateTime = new Date(at).toISOString();
    const shown = markOf(security);
    mark.textContent = shown?.text ?? "";
    mark.dataset["kind"] = shown?.kind;
    mark.hidden = shown === undefined;
    element.dataset["security"] = security.level;
    if (delivery === undefined) return;
    const [name, meaning] = states[delivery.state];
    state.textContent = name;
    state.title = meaning;
    state.dataset["state"] = delivery.state;
    if (delivery.state !== "failed" || failed) return;
    failed = true;
    reason.textContent = explainCode(delivery.error?.code ?? "unknown");
    again.append(button("Try again", () => { retry("encrypted"); }));
    if (delivery.error?.code === "ERR_NO_OMEMO") again.append(button("Send without encryption", () => { retry("none"); }, { class: "danger" }));
  };
  return { element, update };
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
