/** What the user says of himself. @module */
import { attempt, type App } from "../app.js";
import { choice, h } from "../lib/dom.js";
import { type OwnLevel, ownLevel, setOwnLevel } from "../own-presence.js";

const names: Readonly<Record<OwnLevel, string>> = { available: "Available", away: "Away", busy: "Busy", offline: "Invisible" };

export function availabilityChoice(app: App): HTMLElement {
  const { client, account, scope } = app;
  const select = choice(names, ownLevel(account), { class: "availability", "aria-label": "Your availability" });
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  select.addEventListener("change", () => {
    attempt(app, () => setOwnLevel(client, account, select.value as OwnLevel));
  });
  scope.watch(client.presence.own, (own) => {
    const level = own.kind === "unavailable" ? "offline" : own.show === "dnd" ? "busy" : own.show === "away" || own.show === "xa" ? "away" : "available";
    select.value = level;
    dot.dataset["presence"] = level;
  });
  return h("div", { class: "own-availability" }, dot, select);
}
