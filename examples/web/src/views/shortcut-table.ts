/** The keyboard shortcuts, for reading. What they do is in shortcuts.ts. @module */
import { h } from "../lib/dom.js";

const documented: readonly (readonly [keys: string, meaning: string])[] = [
  ["Alt + ↑ / ↓", "Previous or next chat"],
  ["Alt + 1 / 2", "Chats or contacts"],
  ["Alt + N", "Add a contact"],
  ["Alt + M", "Write a message"],
  ["Alt + ,", "Settings"],
  ["Escape", "Close a dialog; in a chat, back to the lists"],
  ["Enter", "Send; with Shift a new line"],
  ["↑ ↓ Home End", "Move in the lists"],
];

/** Keys and what they do. */
export function shortcutTable(): HTMLElement {
  return h("dl", { class: "shortcuts" }, ...documented.flatMap(([keys, meaning]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, meaning)]));
}

