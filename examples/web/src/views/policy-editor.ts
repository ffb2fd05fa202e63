/** Who sees what of the user, at most: a level for each group, and one for everybody else. The SDK keeps it. @module */
import type { CurrentPolicy, PolicyRules, Rule } from "sotto";
import type { App } from "../app.js";
import { choice, field, h } from "../lib/dom.js";
import { explain } from "../lib/explain.js";
import type { OwnLevel } from "../own-presence.js";

const names: Readonly<Record<OwnLevel, string>> = { available: "available", away: "away", busy: "busy", offline: "offline: nothing" };

/** A rule as this editor shows it: one that says more than it can is shown as nothing, which is never too much. */
const levelOf = (rule: Rule | undefined): OwnLevel =>
  (rule === undefined ? "available" : typeof rule === "string" && Object.hasOwn(names, rule) ? rule as OwnLevel : "offline");

function describe({ state }: CurrentPolicy): string {
  switch (state.kind) {
    case "in-force": return state.losses.length === 0 ? "In force." : "In force as far as this server can.";
    case "waiting": return "Kept. It holds from the next connection on.";
    case "applying": return "Applying…";
    case "refused": case "failed": return explain(state.error);
  }
}

export function policyEditor(app: App): HTMLElement {
  const { client, scope } = app;
  const { currentPolicy } = client.presence;
  const saved = currentPolicy.getSnapshot()?.rules;
  const on = h("input", { type: "checkbox", id: "policy-on" });
  on.checked = saved !== undefined;
  const known = Array.from(client.roster.getSnapshot().contacts.values()).flatMap((contact) => contact.groups);
  const groups = new Set([...known, ...Object.keys(saved?.groups ?? {})]); // a group that nobody is in any more keeps its rule
  const choices = Array.from(groups).sort((a, b) => a.localeCompare(b))
    .map((group) => [group, choice(names, levelOf(saved?.groups?.[group] ?? saved?.others))] as const);
  const others = choice(names, levelOf(saved?.others));
  const rows = h("div", { class: "policy-rows" }, ...choices.map(([group, select]) => field(group, select)), field("Everybody else", others));
  const state = h("p", { class: "hint", role: "status" });
  const save = h("button", { type: "submit", class: "primary" }, "Apply");
  const show = (): void => { rows.hidden = !on.checked; };
  on.addEventListener("change", show);
  show();
  const rules = (): PolicyRules => ({
    groups: Object.fromEntries(choices.map(([group, select]) => [group, select.value as OwnLevel])),
    others: others.value as OwnLevel,
  });
  const form = h("form", { class: "policy" }, h("div", { class: "check" }, on, h("label", { for: on.id }, "Show myself differently to different people")),
    h("p", { class: "hint" }, "Nobody sees more than you say of yourself. Whoever is in several groups sees the least of them."), rows, h("div", { class: "actions" }, save), state);
  // Also what another tab does, and what the server does later, is said here.
  scope.watch(currentPolicy, (policy) => { state.textContent = policy === undefined ? "Everybody sees the same." : describe(policy); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save.disabled = true;
    client.presence.policy(on.checked ? rules() : undefined)
      .catch((error: unknown) => { state.textContent = explain(error); })
      .finally(() => { save.disabled = false; });
  });
  return form;
}
