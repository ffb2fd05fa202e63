/** The place to write. Sending never waits for the network: what is sent is stored, and leaves as soon as it can. @module */
import type { ClientConversation } from "sotto";
import { attempt, type App } from "../app.js";
import { h, hidden } from "../lib/dom.js";
import { nameOf } from "../lib/format.js";

export interface Composer {
  readonly element: HTMLElement;
  readonly setBlocked: (blocked: boolean) => void;
  /** Sends a text: encrypted, or openly if the user has asked for just that. */
  readonly write: (text: string, protection: "encrypted" | "none") => void;
}

export function composer(app: App, conversation: ClientConversation): Composer {
  const text = h("textarea", { rows: 1, dir: "auto", placeholder: "Message", enterkeyhint: "send" });
  text.setAttribute("aria-label", `Message to ${nameOf(app.client, conversation.jid)}`);
  const send = h("button", { type: "submit", class: "send", title: "Send" }, h("span", { class: "icon icon-send", "aria-hidden": "true" }), hidden("Send"));
  const form = h("form", { class: "composer" }, text, send);
  const write: Composer["write"] = (written, protection) => {
    attempt(app, async () => {
      const draft = { text: written };
      const handle = protection === "none" ? conversation.sendUnencrypted(draft) : conversation.send(draft);
      // From here on it is in the list, and survives everything; how it fares is shown there.
      await handle.reached("stored");
    });
  };
  const submit = (): void => {
    const written = text.value.trim();
    if (written === "" || text.disabled) return;
    write(written, "encrypted");
    text.value = "";
    fit();
    text.focus();
  };
  const fit = (): void => { text.rows = Math.min(6, text.value.split("\n").length); };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  text.addEventListener("input", fit);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  return {
    element: form, write,
    setBlocked: (blocked) => {
      text.disabled = blocked;
      send.disabled = blocked;
    },
  };
}
