/** Adding somebody: they are put into the roster and asked to show their presence. @module */
import type { App } from "../app.js";
import { parseJid } from "sotto";
import { field, h } from "../lib/dom.js";
import { explain, explainCode } from "../lib/explain.js";
import { go } from "../route.js";
import { openDialog } from "./dialog.js";
import { groupsOf } from "./groups.js";

export function openAddContact(app: App, address = ""): void {
  const { roster } = app.client;
  openDialog(app, "Add a contact", (scope, close) => {
    const jid = h("input", { required: true, autocapitalize: "none", spellcheck: "false", dir: "auto", inputmode: "email", placeholder: "name@example.org", value: address });
    const name = h("input", { dir: "auto" });
    const groups = h("input", { dir: "auto", placeholder: "Friends, Team" });
    const problem = h("p", { class: "problem", role: "alert" });
    const submit = h("button", { type: "submit", class: "primary" }, "Add and ask");
    const form = h("form", {}, field("Address", jid), field("Name", name, document.createTextNode("What you call them; only you see it.")),
      field("Groups", groups, document.createTextNode("Separated by commas.")), problem, h("div", { class: "actions" }, submit));
    const add = async (): Promise<void> => {
      const peer = parseJid(jid.value.trim());
      if (peer === undefined || peer.includes("/")) {
        problem.textContent = explainCode("ERR_INVALID_JID");
        return;
      }
      submit.disabled = true;
      await roster.set(peer, { name: name.value.trim(), groups: groupsOf(groups.value) }, { signal: scope.signal });
      await roster.subscribeTo(peer, { signal: scope.signal });
      close();
      go(peer);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      problem.textContent = "";
      add().catch((error: unknown) => { problem.textContent = explain(error); }).finally(() => { submit.disabled = false; });
    });
    queueMicrotask(() => { jid.focus(); });
    return [form];
  });
}
