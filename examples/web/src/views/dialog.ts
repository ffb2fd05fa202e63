/** Dialogs: the platform's own, which keeps the focus inside, closes with Escape and gives the focus back. @module */
import type { App } from "../app.js";
import { h, iconButton } from "../lib/dom.js";
import type { Scope } from "../lib/scope.js";

let titles = 0;

/** Opens a dialog. `fill` makes its content; the scope it gets ends when the dialog closes. */
export function openDialog(app: App, title: string, fill: (scope: Scope, close: () => void) => readonly Node[]): void {
  const scope = app.scope.child();
  titles += 1;
  const heading = h("h2", { id: `dialog-${titles}`, tabindex: "-1" }, title);
  const dialog = h("dialog", { "aria-labelledby": heading.id });
  const close = (): void => { dialog.close(); };
  const body = h("div", { class: "dialog-body" });
  dialog.append(h("header", { class: "dialog-head" }, heading, iconButton("close", "Close", close)), body);
  body.append(...fill(scope, close));
  dialog.addEventListener("close", () => {
    scope.end();
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); }); // beside it
  scope.add(() => { dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  heading.focus();
}
