/** A store of which some methods are others. Not here: why (leader-store.ts, page-answer.ts). @module */
import type { Store } from "../session/ports.js";

/** `inner`, with `changed` in place of its own. Everything else is the store's, also what it has besides the port. */
export function storeWith(inner: Store, changed: Partial<Store>): Store {
  return new Proxy(inner, {
    get: (_proxied, name) => {
      const value: unknown = Reflect.get(changed, name) ?? Reflect.get(inner, name);
      return typeof value === "function" ? (value.bind(inner) as unknown) : value; // `this` must be the store itself, whose fields are private
    },
  });
}
