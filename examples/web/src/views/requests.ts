/** Who asks to see the user's presence. Nothing is granted by itself. @module */
import type { SubscriptionRequest } from "sotto";
import { attempt, type App } from "../app.js";
import { button, h } from "../lib/dom.js";
import { rescueFocus } from "../lib/focus.js";
import { KeyedList, type Row } from "../lib/keyed-list.js";

export function requestList(app: App): HTMLElement {
  const { client, scope } = app;
  const list = h("ul", {});
  const section = h("section", { class: "requests", "aria-labelledby": "requests-title" },
    h("h2", { id: "requests-title" }, "Contact requests"), list);
  const rows = new KeyedList<SubscriptionRequest>(list, ({ jid }) => jid, (request) => row(app, request));
  scope.watch(client.roster, ({ requests }) => {
    const held = section.contains(document.activeElement);
    rows.show(requests);
    section.hidden = requests.length === 0;
    if (held) rescueFocus(section.hidden ? document.querySelector<HTMLElement>("[role=tab][aria-selected=true]") : section.querySelector("button"));
  });
  scope.add(client.onEvent((event) => {
    if (event.kind === "subscription-request") app.announce(`${event.jid} wants to add you as a contact`);
  }));
  return section;
}

function row(app: App, { jid }: SubscriptionRequest): Row<SubscriptionRequest> {
  const { roster } = app.client;
  const said = h("p", { class: "request-text", dir: "auto" });
  const claimed = h("bdi", {});
  const warning = h("p", { class: "imitation" }, "The name could be taken for another one. Go by the address.");
  const answer = (label: string, className: string, work: () => Promise<void>): HTMLButtonElement => {
    const element = button(label, () => {
      attempt(app, async () => {
        element.disabled = true;
        await work().finally(() => { element.disabled = false; });
      });
    }, { class: className, "aria-label": `${label} ${jid}` });
    return element;
  };
  const accept = async (): Promise<void> => {
    await roster.approve(jid);
    const contact = roster.get(jid);
    // Whoever is let in is asked back, as people expect of a contact.
    if (contact?.pendingOut !== true && contact?.subscription !== "to" && contact?.subscription !== "both") await roster.subscribeTo(jid);
  };
  return {
    element: h("li", { class: "request" }, h("p", {}, h("bdi", { class: "request-jid" }, jid), claimed), warning, said, h("div", { class: "actions" },
      answer("Accept", "primary", accept), answer("Decline", "", () => roster.deny(jid)))),
    update: ({ name, confusable, text }) => {
      claimed.textContent = name === undefined ? "" : ` (“${name}”)`;
      warning.hidden = !confusable;
      said.textContent = text ?? "";
      said.hidden = text === undefined;
    },
  };
}
