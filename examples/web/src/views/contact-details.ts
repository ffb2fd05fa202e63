/** Everything about one contact: presence, what they see, name and groups, devices and keys, blocking. @module */
import { attempt, type App } from "../app.js";
import { button, field, h } from "../lib/dom.js";
import { rescueFocus } from "../lib/focus.js";
import { levelNames, nameOf, presenceOf } from "../lib/format.js";
import { watchBlocked } from "./blocked.js";
import { deviceList, fingerprint } from "./device-list.js";
import { openDialog } from "./dialog.js";
import { groupsOf, lineOfGroups } from "./groups.js";

export function openContactDetails(parent: App, jid: string): void {
  openDialog(parent, nameOf(parent.client, jid), (scope, close) => {
    const app: App = { ...parent, scope };
    return [
      h("p", {}, h("bdi", {}, jid)), presence(app, jid), entry(app, jid),
      h("section", {}, h("h3", {}, "Their devices"),
        h("p", { class: "hint" }, "Compare a fingerprint with the one that their device shows: face to face, or on the phone. If all digits are the same, nobody sits between you."),
        deviceList(app, jid)),
      h("section", {}, h("h3", {}, "This device"), h("p", { class: "hint" }, "They compare this one:"), fingerprint(app.client.device.fingerprint)),
      ending(app, jid, close),
    ];
  });
}

function presence(app: App, jid: string): HTMLElement {
  const { client, scope } = app;
  const theirs = h("dd", {});
  const ours = h("dd", { class: "effective" });
  const render = (): void => {
    theirs.textContent = presenceOf(client.presence.contact(jid)).text;
    const shown = client.presence.effective(jid);
    ours.textContent = shown === undefined ? visibleTo(app, jid) : `${levelNames[shown.level]} (${whyOf(shown.why)})`;
  };
  scope.watchAll([client.roster, client.presence, client.presence.own, client.presence.currentPolicy], render);
  return h("dl", { class: "facts" }, h("dt", {}, "You see them"), theirs, h("dt", {}, "They see you"), ours);
}

function visibleTo({ client }: App, jid: string): string {
  const subscription = client.roster.get(jid)?.subscription;
  if (client.presence.own.getSnapshot().kind === "unavailable") return "not at all: you appear offline";
  return subscription === "from" || subscription === "both" ? "as everybody does" : "not at all: they have not asked, or you have not agreed";
}

function whyOf(why: NonNullable<ReturnType<App["client"]["presence"]["effective"]>>["why"]): string {
  switch (why.kind) {
    case "contact": return "the rule for this contact";
    case "group": return `the rule for ${why.group}`;
    case "others": return "the rule for everybody else";
    case "override": return "for now, for everybody";
    case "own-availability": return "what you say of yourself";
    case "blocked": return "blocked";
    case "no-subscription": return "they have not asked, or you have not agreed";
  }
}

/** Name and groups, for somebody in the roster. */
function entry(app: App, jid: string): HTMLElement {
  const { roster } = app.client;
  const contact = roster.get(jid);
  const name = h("input", { dir: "auto", value: contact?.name ?? "" });
  const groups = h("input", { dir: "auto", placeholder: "Friends, Team", value: lineOfGroups(contact?.groups ?? []) });
  const form = h("form", { class: "inline" }, field("Name", name), field("Groups", groups), h("button", { type: "submit" }, "Save"));
  form.hidden = contact === undefined;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(app, async () => {
      await roster.set(jid, { name: name.value.trim(), groups: groupsOf(groups.value) });
      app.announce("Saved");
    });
  });
  return form;
}

function ending(app: App, jid: string, close: () => void): HTMLElement {
  const { client } = app;
  let asked = false;
  const change = (what: "block" | "unblock"): void => {
    asked = true;
    attempt(app, async () => (await client.blocking())[what]([jid]));
  };
  const block = button("Block", () => { change("block"); }, { class: "danger" });
  const unblock = button("Unblock", () => { change("unblock"); });
  const remove = button("Remove from contacts", () => {
    attempt(app, async () => {
      await client.roster.remove(jid);
      close();
    });
  }, { class: "danger" });
  watchBlocked(app, (isBlocked, blocking) => {
    block.hidden = isBlocked(jid) || blocking === undefined;
    unblock.hidden = !isBlocked(jid);
    if (blocking !== undefined && asked) rescueFocus(isBlocked(jid) ? unblock : block);
  });
  app.scope.watch(client.roster, () => { remove.hidden = client.roster.get(jid) === undefined; });
  return h("div", { class: "actions end" }, block, unblock, remove);
}
