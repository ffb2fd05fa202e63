/**
 * A reserve of space for what keeps the device going: a row of random bytes that is given up when a commit of such rows meets the end of
 * the quota, and put back as part of the next commit that is none of them. While it is out, those others fit only if both fit.
 * Spec: threats D06; docs/decisions/0012-browser-storage.md. Not here: transactions (indexeddb.ts).
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import { systemRng } from "../base/rng.js";
import { type Change, vitalPrefixes } from "../session/ports.js";
import { StorageError } from "./errors.js";

/** What the reserve asks of the store. Each is one transaction that checks the fence. */
export interface ReserveMedium {
  /** Writes the commit, and the reserve with it where there is one. */
  write(ballast: Bytes | undefined): Promise<void>;
  /** Deletes the reserve's row. */
  release(): Promise<void>;
}

/** Where the reserve is, as far as the owner of the store knows. */
export class Reserve {
  readonly #bytes: number;
  readonly #onChange: () => void;
  #out = true;
  #full = false;
  /** Resolves when the reserve is neither being given up nor put back. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param onChange called when {@link Reserve.isFull} changes */
  constructor(bytes: number, onChange: () => void) {
    this.#bytes = bytes;
    this.#onChange = onChange;
  }

  /** True from the moment something found no room without the reserve until something does again. */
  get isFull(): boolean {
    return this.#full;
  }

  /** What the new owner has found. */
  found(present: boolean): void {
    this.#out = !present;
  }

  /** Writes one commit. @throws StorageError `ERR_STORE_FULL`: then nothing of it is written */
  async commit(changes: readonly Change[], medium: ReserveMedium): Promise<void> {
    if (isVital(changes)) return this.spend(medium);
    if (this.#isWhole()) await this.#fit(undefined, (ballast) => medium.write(ballast));
    else await this.#inTurn(() => this.#fit(this.#missing(), (ballast) => medium.write(ballast)));
  }

  /** Writes what may use the reserve up. Not in one transaction: browsers count what a transaction writes, and not what it deletes. */
  spend(medium: ReserveMedium): Promise<void> {
    return this.#inTurn(() => this.#spend(medium));
  }

  /** Puts the reserve back if there is room. @returns whether it is there */
  restore(write: (ballast: Bytes) => Promise<void>): Promise<boolean> {
    return this.#inTurn(() => this.#restore(write));
  }

  async #spend(medium: ReserveMedium): Promise<void> {
    const wasThere = !this.#out;
    try {
      await medium.write(undefined);
    } catch (error) {
      if (!isFull(error) || !wasThere || this.#bytes === 0) throw error;
      await medium.release();
      this.#out = true;
      this.#tell(true);
      await medium.write(undefined);
    }
  }

  async #restore(write: (ballast: Bytes) => Promise<void>): Promise<boolean> {
    const missing = this.#missing();
    if (missing === undefined) return true;
    try {
      await this.#fit(missing, () => write(missing));
      return true;
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
  }

  async #fit(ballast: Bytes | undefined, write: (ballast: Bytes | undefined) => Promise<void>): Promise<void> {
    try {
      await write(ballast);
    } catch (error) {
      if (isFull(error)) this.#tell(true);
      throw error;
    }
    if (ballast !== undefined) this.#out = false;
    this.#tell(false);
  }

  /**
   * What to write along to learn whether there is room for it; `undefined` if nobody doubts it. Random, so that no compression makes it
   * smaller than it is.
   */
  #missing(): Bytes | undefined {
    if (this.#isWhole()) return undefined;
    const rng = systemRng();
    const bytes = new Uint8Array(this.#bytes);
    for (let at = 0; at < bytes.length; at += randomBytesMax) bytes.set(rng(Math.min(randomBytesMax, bytes.length - at)), at);
    return bytes;
  }

  #isWhole(): boolean {
    return this.#bytes === 0 || !(this.#out || this.#full);
  }

  /** One after the other: what is given up for a commit is not put back before that is written. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined); // the caller is told
    return done;
  }

  #tell(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    this.#onChange();
  }
}

/** `crypto.getRandomValues` gives no more at a time. */
const randomBytesMax = 65_536;

/** Deleting makes room, and what is written with it belongs to it. */
function isVital(changes: readonly Change[]): boolean {
  return changes.some(({ kind, key }) => kind === "delete" || vitalPrefixes.some((prefix) => key.startsWith(prefix)));
}

function isFull(error: unknown): boolean {
  return error instanceof StorageError && error.code === "ERR_STORE_FULL";
}
