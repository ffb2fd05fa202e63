/**
 * What screen readers hear without looking: new messages, gathered so that ten of them are one sentence, and problems. Problems are shown to
 * everybody, until they are closed or the next one comes.
 * @module
 */
import type { Message } from "sotto";
import type { App } from "../app.js";
import { h, iconButton } from "../lib/dom.js";
import { nameOf } from "../lib/format.js";
import type { Scope } from "../lib/scope.js";

/** How long messages are gathered, in milliseconds. */
const gatherMs = 1_000;

export interface Announcer {
  readonly element: HTMLElement;
  readonly say: (text: string, kind?: "news" | "problem") => void;
  /** Announces messages as they come. */
  readonly follow: (app: App) => void;
}

export function createAnnouncer(scope: Scope): Announcer {
  const news = h("div", { class: "visually-hidden", role: "status" });
  const problemText = h("span", { role: "alert" });
  const toast = h("div", { class: "toast", hidden: true }, problemText, iconButton("close", "Close this message", () => { toast.hidden = true; }));
  const say = (text: string, kind: "news" | "problem" = "news"): void => {
    if (kind === "news") {
      news.textContent = text;
      return;
    }
    problemText.textContent = text;
    toast.hidden = false;
    // Above a dialog, if one is open: what is outside of it cannot be reached.
    (document.querySelector("dialog[open]") ?? home).append(toast);
  };
  const home = h("div", {}, news, toast);
  return { element: home, say, follow: (app) => { gather(app, scope, say); } };
}

function gather(app: App, scope: Scope, say: (text: string) => void): void {
  let waiting: Message[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (): void => {
    timer = undefined;
    const [first, ...others] = waiting;
    waiting = [];
    if (first === undefined) return;
    const name = nameOf(app.client, first.conversation);
    const same = others.every(({ conversation }) => conversation === first.conversation);
    if (others.length > 0) say(`${others.length + 1} new messages${same ? ` from ${name}` : ""}`);
    // What is in an open conversation is read out; of the others it is enough to know.
    else say(app.route.getSnapshot() === first.conversation ? `${name}: ${first.text}` : `New message from ${name}`);
  };
  scope.add(app.client.onEvent((event) => {
    if (event.kind !== "message" || event.message.direction !== "received" || event.message.attention === "quiet") return;
    waiting.push(event.message);
    timer ??= setTimeout(tell, gatherMs);
  }));
  scope.add(() => { clearTimeout(timer); });
}
