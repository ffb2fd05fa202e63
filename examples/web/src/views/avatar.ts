/** A letter on a colour for somebody, with a dot for their presence, which is also said in words to screen readers. @module */
import type { App } from "../app.js";
import { h, hidden, setText } from "../lib/dom.js";
import { nameOf, portrait, presenceOf } from "../lib/format.js";

export function avatar({ client }: Pick<App, "client">, jid: string): { readonly element: HTMLElement; readonly update: () => void } {
  const letter = h("span", { "aria-hidden": "true" });
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const said = hidden("");
  const element = h("span", { class: "avatar" }, letter, dot, said);
  const update = (): void => {
    const look = portrait(nameOf(client, jid), jid);
    setText(letter, look.letter);
    element.dataset["hue"] = String(look.hue);
    const { kind, text } = presenceOf(client.presence.contact(jid));
    dot.dataset["presence"] = kind;
    setText(said, `${text}. `);
  };
  update();
  return { element, update };
}
