/** The place to write. Sending never waits for the network: what is sent is stored, and leaves as soon as it can. What is refused comes back. @module */
import type { ClientConversation } from "sotto";
import type { App } from "../app.js";
import { draftOf } from "../drafts.js";
import { h, hidden } from "../lib/dom.js";
import { explain } from "../lib/explain.js";
import { nameOf } from "../lib/format.js";

export interface Composer {
  readonly element: HTMLElement;
  readonly setBlocked: (blocked: boolean) => void;
  /** Sends a text: encrypted, or openly if the user has asked for just that. Resolves when it is stored. @throws SottoError */
  readonly write: (text: string, protection: "encrypted" | "none") => Promise<void>;
}

export function composer(app: App, conversation: ClientConversation): Composer {
  const draft = draftOf(conversation.jid);
  const text = h("textarea", { rows: 1, dir: "auto", placeholder: "Message", enterkeyhint: "send" });
  text.setAttribute("aria-label", `Message to ${nameOf(app.client, conversation.jid)}`);
  const send = h("button", { type: "submit", class: "send", title: "Send" }, h("span", { class: "icon icon-send", "aria-hidden": "true" }), hidden("Send"));
  const form = h("form", { class: "composer" }, text, send);
  const write: Composer["write"] = async (written, protection) => {
    const message = { text: written };
    const handle = protection === "none" ? conversation.sendUnencrypted(message) : conversation.send(message);
    // From here on it is in the list, and survives everything; how it fares is shown there.
    await handle.reached("stored");
  };
  const show = (): void => {
    const fromEnd = text.value.length - text.selectionStart;
    text.value = draft.text;
    if (document.activeElement === text) text.setSelectionRange(text.value.length - fromEnd, text.value.length - fromEnd); // the user goes on where he was
    fit();
  };
  const submit = (): void => {
    if (text.value.trim() === "" || text.disabled) return;
    const taken = draft.take();
    write(taken.trim(), "encrypted").then(() => { draft.stored(taken); }, (error: unknown) => {
      draft.refused(taken);
      app.announce(`${explain(error)} What you wrote to ${nameOf(app.client, conversation.jid)} is back in the field.`, "problem");
    });
    show();
    text.focus();
  };
  const fit = (): void => { text.rows = Math.min(6, text.value.split("\n").length); };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  text.addEventListener("input", () => {
    draft.type(text.value);
    fit();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  draft.onReturn = show;
  app.scope.add(() => { if (draft.onReturn === show) draft.onReturn = undefined; });
  show();
  return {
    element: form, write,
    setBlocked: (blocked) => {
      text.disabled = blocked;
      send.disabled = blocked;
    },
  };
}
