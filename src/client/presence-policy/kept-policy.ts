/** The policy in the store, as this client has it. Not here: its form (policy-row.ts), what it says at a moment (policy-now.ts). @module */
import type { BareJid } from "../../base/jid.js";
import type { Ledger } from "../../session/ledger.js";
import { policyKey } from "./policy-key.js";
import { encodePolicy, type StoredPolicy } from "./policy-row.js";

/** See the module. */
export class KeptPolicy {
  readonly #ledger: Ledger;
  readonly #changed: () => void;
  #stored: StoredPolicy | undefined;

  constructor(ledger: Ledger, stored: StoredPolicy | undefined, changed: () => void) {
    this.#ledger = ledger;
    this.#stored = stored;
    this.#changed = changed;
  }

  get stored(): StoredPolicy | undefined {
    return this.#stored;
  }

  /** Durable when it resolves. */
  async keep(stored: StoredPolicy): Promise<void> {
    const before = this.#stored;
    this.#stored = stored; // whoever keeps something at the same time builds on it
    this.#changed();
    try {
      await this.#ledger.run((tx) => { tx.put(policyKey, encodePolicy(stored)); });
    } catch (error) {
      if (this.#stored === stored) this.#stored = before;
      this.#changed();
      throw error;
    }
  }

  /** Who may hold presence of ours if the process dies now. */
  async remember(ghosts: readonly BareJid[]): Promise<void> {
    if (this.#stored === undefined) return;
    if (ghosts.length + this.#stored.ghosts.length > 0) await this.keep({ ...this.#stored, ghosts });
  }

  /** It is gone from the store. */
  forget(): void {
    this.#stored = undefined;
    this.#changed();
  }
}
