/**
 * The browser's small storage, as far as it lets us: where it is forbidden, its mention alone throws. Then nothing is kept, and the page works as long as
 * it is open.
 * @module
 */

/** `tab`: over reloads, until the tab is closed. `device`: until it is dropped. */
export type Place = "tab" | "device";

const storageOf = (place: Place): Storage => (place === "tab" ? sessionStorage : localStorage);

function tried<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise; // forbidden, or full
  }
}

/** What is kept under `key`; `undefined` if nothing is, or nothing may be. */
export const kept = (place: Place, key: string): string | undefined => tried(() => storageOf(place).getItem(key) ?? undefined, undefined);

/** Keeps `text`, if that is possible. */
export const keep = (place: Place, key: string, text: string): void => { tried(() => { storageOf(place).setItem(key, text); }, undefined); };

/** Forgets what is under `key`. */
export const drop = (place: Place, key: string): void => { tried(() => { storageOf(place).removeItem(key); }, undefined); };

/** Every key there is. */
export const keptKeys = (place: Place): readonly string[] => tried(() => Object.keys(storageOf(place)), []);
