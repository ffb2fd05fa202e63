/** The lists: requests to answer, then chats or contacts, as two tabs. @module */
import type { App } from "../app.js";
import { h, iconButton } from "../lib/dom.js";
import { openAddContact } from "./add-contact.js";
import { chatList } from "./chat-list.js";
import { contactList } from "./contact-list.js";
import { requestList } from "./requests.js";

type Tab = "chats" | "contacts";

export interface SidebarLists {
  readonly element: HTMLElement;
  /** Shows a tab and puts the focus on it. */
  readonly show: (tab: Tab) => void;
}

export function sidebarLists(app: App): SidebarLists {
  const panels: Readonly<Record<Tab, HTMLElement>> = {
    chats: h("div", { role: "tabpanel", id: "panel-chats", "aria-labelledby": "tab-chats", class: "panel" }, chatList(app)),
    contacts: h("div", { role: "tabpanel", id: "panel-contacts", "aria-labelledby": "tab-contacts", class: "panel" }, contactList(app)),
  };
  const makeTab = (tab: Tab, label: string): HTMLButtonElement => h("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": `panel-${tab}` }, label);
  const tabs: Readonly<Record<Tab, HTMLButtonElement>> = { chats: makeTab("chats", "Chats"), contacts: makeTab("contacts", "Contacts") };
  const select = (chosen: Tab): void => {
    for (const tab of ["chats", "contacts"] as const) {
      tabs[tab].setAttribute("aria-selected", String(tab === chosen));
      tabs[tab].tabIndex = tab === chosen ? 0 : -1;
      panels[tab].hidden = tab !== chosen;
    }
  };
  const show = (tab: Tab): void => {
    select(tab);
    tabs[tab].focus();
  };
  const bar = h("div", { role: "tablist", class: "tabs", "aria-label": "Lists" }, tabs.chats, tabs.contacts);
  for (const tab of ["chats", "contacts"] as const) tabs[tab].addEventListener("click", () => { select(tab); });
  bar.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft" || key === "ArrowRight") show(tabs.chats.tabIndex === 0 ? "contacts" : "chats");
  });
  select("chats");
  return {
    element: h("div", { class: "lists" }, requestList(app),
      h("div", { class: "lists-head" }, bar, iconButton("plus", "Add a contact", () => { openAddContact(app); })), panels.chats, panels.contacts),
    show,
  };
}
