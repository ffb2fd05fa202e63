/** Keyboard shortcuts. All of them have Alt, so that no letter that somebody types does anything else. @module */
import type { App } from "../app.js";
import { go } from "../route.js";
import { openAddContact } from "./add-contact.js";
import { openSettings } from "./settings-dialog.js";
import type { SidebarLists } from "./sidebar.js";

export function followShortcuts(app: App, lists: SidebarLists): void {
  const step = (by: number): void => {
    const chats = app.conversations.getSnapshot().conversations;
    const at = chats.findIndex(({ jid }) => jid === app.route.getSnapshot());
    const next = chats[Math.max(0, Math.min(chats.length - 1, at + by))];
    if (next !== undefined) go(next.jid);
  };
  const actions: Readonly<Record<string, () => void>> = {
    ArrowUp: () => { step(-1); },
    ArrowDown: () => { step(1); },
    Digit1: () => { lists.show("chats"); },
    Digit2: () => { lists.show("contacts"); },
    KeyN: () => { openAddContact(app); },
    KeyM: () => { document.querySelector<HTMLElement>(".composer textarea")?.focus(); },
    Comma: () => { openSettings(app); },
  };
  app.scope.on(window, "keydown", (event) => {
    if (document.querySelector("dialog[open]") !== null) return;
    if (event.key === "Escape" && app.route.getSnapshot() !== undefined) {
      go(undefined);
      return;
    }
    // By the key's place: with Alt some keyboards type other characters.
    const action = event.altKey && !event.ctrlKey && !event.metaKey ? actions[event.code] : undefined;
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}
