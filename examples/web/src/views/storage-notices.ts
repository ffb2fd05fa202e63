/**
 * What the browser does to what is stored here: it has deleted it, has no room for more, or has not promised to keep it. Each is said once, until it
 * is closed. What the user must know stands above everything; that there is no promise is a hint below the lists.
 * @module
 */
import type { Client } from "sotto";
import type { App } from "../app.js";
import { h, iconButton } from "../lib/dom.js";
import { rescueFocus } from "../lib/focus.js";
import { drop, keep, kept } from "../lib/kept.js";

type Storage = Client["storage"];

/** How often the condition is read, in milliseconds: the client does not say when it changes. */
const lookMs = 2_000;
/** Of this tab, so that a reload does not say it again. */
const lostSeenKey = "chat.lost-seen";
/** Of this browser: once is enough for a hint. */
const hintSeenKey = "chat.persistence-seen";

const lostText = "This browser has deleted the messages and keys that were stored here. This is a new device now: it can read what comes from now on, "
  + "and your contacts see a new key. Older messages are on your other devices, if you have any.";
const fullText = "This browser has no more room. You still receive messages, but cannot send any. Free some space on this device, "
  + "or delete the data of other sites in the settings of the browser, then reload the page.";
const deniedText = "If this device runs out of room, this browser may delete your messages. Bookmarking or installing this page can prevent that.";

interface Notice {
  readonly element: HTMLElement;
  readonly show: (shown: boolean) => void;
}

/** The two places: `urgent` for above everything, `hint` for below the lists. */
export function storageNotices({ client, scope }: App): { readonly urgent: HTMLElement; readonly hint: HTMLElement } {
  let lost = client.storage.lost && kept("tab", lostSeenKey) === undefined;
  let fullSeen = false;
  const lostNotice = notice("alert", "urgent", lostText, () => {
    lost = false;
    keep("tab", lostSeenKey, "");
    look();
  });
  const fullNotice = notice("alert", "urgent", fullText, () => {
    fullSeen = true;
    look();
  });
  const hint = notice("status", "quiet", deniedText, () => {
    keep("device", hintSeenKey, "");
    look();
  });
  const look = (): void => {
    const { full, persistence }: Storage = client.storage;
    if (!full) fullSeen = false; // the next time it is news again
    lostNotice.show(lost);
    fullNotice.show(full && !fullSeen);
    hint.show(persistence === "denied" && kept("device", hintSeenKey) === undefined);
  };
  scope.add(client.onEvent(({ kind }) => {
    if (kind === "storage-lost") {
      lost = true;
      drop("tab", lostSeenKey);
    }
    look();
  }));
  const timer = setInterval(look, lookMs);
  scope.add(() => { clearInterval(timer); });
  look();
  return { urgent: h("div", { class: "urgent-notices" }, lostNotice.element, fullNotice.element), hint: hint.element };
}

/** A live region that is there from the beginning, so that screen readers hear what comes into it. */
function notice(role: "alert" | "status", kind: "urgent" | "quiet", text: string, onClose: () => void): Notice {
  const region = h("div", { role });
  const close = iconButton("close", "Close this notice", () => {
    onClose();
    const next = document.querySelectorAll<HTMLElement>("[role=tab][aria-selected=true], .chat-name");
    rescueFocus(Array.from(next).find((element) => element.getClientRects().length > 0)); // on a phone only one of them is there
  });
  let isShown = false;
  return {
    element: region,
    show: (shown) => {
      if (shown === isShown) return;
      isShown = shown;
      region.replaceChildren(...(shown ? [h("div", { class: `storage-notice ${kind}` }, h("p", {}, text), close)] : []));
    },
  };
}
