/** What is on the screen, kept in the address: reloading, going back and bookmarks work. @module */
import type { Scope } from "./lib/scope.js";
import { Value } from "./lib/value.js";

/** The address of the open conversation; `undefined`: only the lists. */
export type Route = string | undefined;

const prefix = "#/chat/";

/** A link to a conversation. */
export const chatLink = (jid: string): string => prefix + encodeURIComponent(jid);

/** Follows the page's address. */
export function followRoute(scope: Scope): Value<Route> {
  const route = new Value<Route>(readRoute());
  scope.on(window, "hashchange", () => { route.set(readRoute()); });
  return route;
}

/** Shows a conversation, or the lists. */
export function go(jid: Route): void {
  location.hash = jid === undefined ? "#/" : chatLink(jid);
}

function readRoute(): Route {
  if (!location.hash.startsWith(prefix)) return undefined;
  try {
    return decodeURIComponent(location.hash.slice(prefix.length));
  } catch {
    return undefined; // somebody typed a broken address
  }
}
