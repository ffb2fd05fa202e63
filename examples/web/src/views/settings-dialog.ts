/** Settings: who sees what, the devices of the account, who is blocked, keys, signing out. @module */
import { attempt, type App } from "../app.js";
import { button, h } from "../lib/dom.js";
import { rescueFocus } from "../lib/focus.js";
import { KeyedList } from "../lib/keyed-list.js";
import { watchBlocked } from "./blocked.js";
import { deviceList } from "./device-list.js";
import { openDialog } from "./dialog.js";
import { policyEditor } from "./policy-editor.js";
import { shortcutTable } from "./shortcut-table.js";

export function openSettings(parent: App): void {
  openDialog(parent, "Settings", (scope, close) => {
    const app: App = { ...parent, scope };
    const signOut = button("Sign out", () => {
      close();
      parent.signOut();
    }, { class: "danger" });
    return [
      h("section", {}, h("h3", {}, "Who sees you how"), policyEditor(app)),
      h("section", {}, h("h3", {}, "Your devices"),
        h("p", { class: "hint" }, "What you write goes to all of them, so that each has the whole conversation. Distrust what is not yours."), deviceList(app, app.account)),
      h("section", {}, h("h3", {}, "Blocked"), blockedList(app)),
      h("section", {}, h("h3", {}, "Keyboard"), shortcutTable()),
      h("section", {}, h("h3", {}, "This device"), h("p", { class: "hint" }, "Your messages and keys stay in this browser when you sign out."), h("div", { class: "actions" }, signOut)),
    ];
  });
}

function blockedList(app: App): HTMLElement {
  const list = h("ul", { class: "plain", "aria-label": "Blocked addresses" });
  const none = h("p", { class: "hint" }, "Nobody.");
  const rows = new KeyedList<string>(list, (jid) => jid, (jid) => ({
    element: h("li", { class: "blocked" }, h("bdi", {}, jid), button("Unblock", () => {
      attempt(app, async () => (await app.client.blocking()).unblock([jid]));
    }, { "aria-label": `Unblock ${jid}` })),
    update: () => undefined,
  }));
  watchBlocked(app, (_isBlocked, blocking) => {
    const jids = Array.from(blocking?.getSnapshot() ?? []);
    const held = list.contains(document.activeElement);
    rows.show(jids);
    if (held) rescueFocus(list.querySelector("button") ?? list.closest("dialog")?.querySelector("h2"));
    none.hidden = jids.length > 0;
  });
  return h("div", {}, none, list);
}
