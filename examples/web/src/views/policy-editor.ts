/** Who sees what of the user, at most: a level for each group, and one for everybody else. @module */
import type { App } from "../app.js";
import { choice, field, h } from "../lib/dom.js";
import { explain } from "../lib/explain.js";
import { type RuleLevel, savedRules, saveRules, type SimpleRules } from "../own-presence.js";

const names: Readonly<Record<RuleLevel, string>> = { available: "available", away: "away", busy: "busy", offline: "offline: nothing" };

export function policyEditor(app: App): HTMLElement {
  const { client, account } = app;
  const saved = savedRules(account);
  const on = h("input", { type: "checkbox", id: "policy-on" });
  on.checked = saved !== undefined;
  const groups = new Set(Array.from(client.roster.getSnapshot().contacts.values()).flatMap((contact) => contact.groups));
  const choices = Array.from(groups).sort((a, b) => a.localeCompare(b))
    .map((group) => [group, choice(names, saved?.groups[group] ?? "available")] as const);
  const others = choice(names, saved?.others ?? "available");
  const rows = h("div", { class: "policy-rows" }, ...choices.map(([group, select]) => field(group, select)), field("Everybody else", others));
  const state = h("p", { class: "hint", role: "status" });
  const save = h("button", { type: "submit", class: "primary" }, "Apply");
  const show = (): void => { rows.hidden = !on.checked; };
  on.addEventListener("change", show);
  show();
  const rules = (): SimpleRules => ({
    groups: Object.fromEntries(choices.map(([group, select]) => [group, select.value as RuleLevel])),
    others: others.value as RuleLevel,
  });
  const form = h("form", { class: "policy" }, h("div", { class: "check" }, on, h("label", { for: on.id }, "Show myself differently to different people")),
    h("p", { class: "hint" }, "Nobody sees more than you say of yourself. Whoever is in several groups sees the least of them."), rows, h("div", { class: "actions" }, save), state);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save.disabled = true;
    state.textContent = "Applying…";
    saveRules(client, account, on.checked ? rules() : undefined)
      .then((result) => { state.textContent = result === "in-force" ? "In force." : "Kept. It holds from the next connection on."; })
      .catch((error: unknown) => { state.textContent = explain(error); })
      .finally(() => { save.disabled = false; });
  });
  return form;
}
