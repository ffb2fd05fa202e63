/**
 * What the store itself says about having lost commits: the name of its unbroken line of commits, compared with the one that was noted
 * last. A store that tells none is believed (threats D11, R21).
 * Spec: docs/decisions/0008-commit-chain.md. Not here: how a store notices (storage/), what follows (rollback.ts).
 * @module
 */
import { utf8, utf8Decode } from "../../base/bytes.js";
import type { Ledger } from "../../session/ledger.js";
import { storeKey, type Store, type StoreKey } from "../../session/ports.js";
import { unlessDamaged } from "../damaged.js";

const key: StoreKey = storeKey("client/store-history");

/** Compared once, when the store is opened. */
export class StoreHistory {
  readonly #ledger: Ledger;
  readonly #name: string | undefined;
  #broken: boolean;

  private constructor(ledger: Ledger, name: string | undefined, broken: boolean) {
    this.#ledger = ledger;
    this.#name = name;
    this.#broken = broken;
  }

  /** Reads both names; a store that is new to us is as it should be. One whose note cannot be read may be any: that is no proof that nothing is missing (threats D13). */
  static async load(store: Store, ledger: Ledger, onError?: (error: unknown) => void): Promise<StoreHistory> {
    const name = await store.history?.();
    const row = await unlessDamaged(() => store.get(key), onError);
    const history = new StoreHistory(ledger, name, row !== undefined && name !== undefined && (row === "damaged" || utf8Decode(row) !== name));
    if (row === undefined) await history.accept();
    return history;
  }

  /** True if commits are missing that were there when the store was last in use. */
  get broken(): boolean {
    return this.#broken;
  }

  /** That the device has to be replaced is durable (rollback.ts): the present line of commits is the one to go by. A crash before this makes it be told again. */
  async accept(): Promise<void> {
    const name = this.#name;
    if (name !== undefined) await this.#ledger.run((tx) => { tx.put(key, utf8(name)); });
    this.#broken = false;
  }
}
