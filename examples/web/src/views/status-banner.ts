/** Says what the connection does when it does not just work. Offline is no error: messages wait and leave by themselves. @module */
import type { ClientStatus } from "sotto";
import type { App } from "../app.js";
import { button, h } from "../lib/dom.js";
import { explain } from "../lib/explain.js";

/** How long connecting may take before it is worth a word, in milliseconds. */
const patienceMs = 800;

export function statusBanner(app: App, signOut: (problem?: string) => void): HTMLElement {
  const { client, scope } = app;
  const text = h("p", {});
  const banner = h("div", { class: "banner", role: "status" }, text);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (status: ClientStatus): void => {
    clearTimeout(timer);
    const said = wording(status);
    banner.dataset["kind"] = status.kind;
    banner.classList.toggle("shown", said !== undefined);
    text.textContent = said ?? "";
    for (const old of banner.querySelectorAll("button")) old.remove();
    if (status.kind === "waiting" || status.kind === "offline") banner.append(button("Connect now", () => { client.connect(); }));
    if (status.kind !== "stopped") return;
    const { code } = status.error;
    if (code === "ERR_AUTH_REJECTED") banner.append(button("Sign in again", () => { signOut(explain(status.error)); }));
    else if (code.startsWith("ERR_STORE_")) banner.append(button("Reload the page", () => { location.reload(); })); // only a new client goes on
    else banner.append(button("Try again", () => { client.connect(); }));
  };
  scope.watch(client.status, (status) => {
    clearTimeout(timer);
    // A quick reconnection is not worth a flash of yellow, nor a word in a screen reader's user's ear.
    if (status.kind === "connecting" || status.kind === "synchronizing") timer = setTimeout(() => { show(status); }, patienceMs);
    else show(status);
  });
  scope.add(() => { clearTimeout(timer); });
  return banner;
}

function wording(status: ClientStatus): string | undefined {
  switch (status.kind) {
    case "online": return undefined;
    case "connecting": return "Connecting…";
    case "synchronizing": return "Fetching what you missed…";
    case "waiting":
    case "offline": return "Offline. What you write is kept and leaves when you are connected.";
    case "stopped": return explain(status.error);
    case "closed": return "Closed.";
  }
}
