/**
 * Whether the browser may delete a worker's store by itself: only pages can ask for that, so the worker's page does, and the store in the worker
 * tells what the page was answered.
 * Spec: Storage Standard, persist() is exposed to windows only; threats D07.
 * Not here: the question itself (storage/persistence.ts).
 * @module
 */
import type { Store, StoreCondition } from "../session/ports.js";
import { storeWith } from "./store-with.js";

/** The page's answer, as far as it is known. */
export class PageAnswer {
  readonly #ask: () => void;
  #answer: StoreCondition["persistence"] = "unknown";
  /** Tells whoever uses the store that is open now. */
  #tell: () => void = () => undefined;

  /** @param ask asks the page, which asks the browser only once */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** The page has been answered. */
  heard(answer: StoreCondition["persistence"]): void {
    this.#answer = answer;
    this.#tell();
  }

  /** `inner`, that has the page ask when it is opened, as a store in a page does. One that tells nothing of its medium has nothing to be asked for. */
  over(inner: Store): Store {
    const condition = inner.condition?.bind(inner);
    if (condition === undefined) return inner;
    return storeWith(inner, {
      acquire: async (confirm) => {
        const fence = await inner.acquire(confirm);
        this.#ask();
        return fence;
      },
      condition: (later) => this.#condition(condition, later),
    });
  }

  async #condition(condition: Required<Store>["condition"], later: ((condition: StoreCondition) => void) | undefined): Promise<StoreCondition> {
    let newest: StoreCondition | undefined;
    if (later !== undefined) this.#tell = () => { if (newest !== undefined) later(this.#merged(newest)); };
    const told = await condition(later === undefined ? undefined : (next) => {
      newest = next;
      later(this.#merged(next));
    });
    newest ??= told;
    return this.#merged(told);
  }

  /** What the store knows by itself counts more: it may have been promised before. */
  #merged(own: StoreCondition): StoreCondition {
    return own.persistence === "unknown" ? { ...own, persistence: this.#answer } : own;
  }
}
