/** The roster by groups, with everybody's presence. @module */
import type { Contact } from "sotto";
import type { App } from "../app.js";
import { h, setAttribute, setText } from "../lib/dom.js";
import { presenceOf } from "../lib/format.js";
import { KeyedList, type Row } from "../lib/keyed-list.js";
import { chatLink } from "../route.js";
import { arrowKeys } from "./arrow-keys.js";
import { avatar } from "./avatar.js";

interface Group {
  readonly name: string;
  readonly contacts: readonly Contact[];
}

export function contactList(app: App): HTMLElement {
  const { client, scope, route } = app;
  const groups = h("div", {});
  const empty = h("p", { class: "hint padded" }, "Nobody here yet. Add somebody by their address.");
  const sections = new KeyedList<Group>(groups, ({ name }) => name, ({ name }) => section(app, name));
  const render = (): void => {
    const { contacts } = client.roster.getSnapshot();
    sections.show(grouped(contacts.values()));
    empty.hidden = contacts.size > 0;
  };
  scope.watchAll([client.roster, client.presence, route], render);
  arrowKeys(groups);
  return h("div", {}, groups, empty);
}

/** Everybody under each of their groups, groups and people in the order of the alphabet. */
function grouped(contacts: Iterable<Contact>): readonly Group[] {
  const groups = new Map<string, Contact[]>();
  for (const contact of contacts) {
    for (const group of contact.groups.length === 0 ? [""] : contact.groups) groups.set(group, [...(groups.get(group) ?? []), contact]);
  }
  const label = ({ name, jid }: Contact): string => name ?? jid;
  return Array.from(groups, ([name, members]) => ({ name, contacts: members.sort((a, b) => label(a).localeCompare(label(b))) }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

let headings = 0;

function section(app: App, group: string): Row<Group> {
  headings += 1;
  const heading = h("h2", { class: "group-name", id: `group-${headings}`, dir: "auto" }, group === "" ? "Without a group" : group);
  const list = h("ul", { class: "entries", "aria-labelledby": heading.id });
  const rows = new KeyedList<Contact>(list, ({ jid }) => jid, (contact) => row(app, contact));
  return { element: h("div", {}, heading, list), update: ({ contacts }) => { rows.show(contacts); } };
}

function row(app: App, { jid }: Contact): Row<Contact> {
  const portrait = avatar(app, jid);
  const name = h("bdi", { class: "entry-name" });
  const line = h("span", { class: "entry-line", dir: "auto" });
  const link = h("a", { class: "entry", href: chatLink(jid) }, portrait.element,
    h("span", { class: "entry-text" }, h("span", { class: "entry-top" }, name), h("span", { class: "entry-bottom" }, line)));
  return {
    element: h("li", {}, link),
    update: (contact) => {
      setText(name, contact.name ?? jid);
      portrait.update();
      setText(line, wording(app, contact));
      setAttribute(link, "aria-current", app.route.getSnapshot() === jid ? "page" : undefined);
    },
  };
}

/** Presence, or why there is none. */
function wording({ client }: App, contact: Contact): string {
  if (contact.subscription === "to" || contact.subscription === "both") return presenceOf(client.presence.contact(contact.jid)).text;
  return contact.pendingOut ? "has not answered your request yet" : "does not show you their presence";
}
