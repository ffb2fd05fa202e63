/** What applications hold: the contact policy. Durable: it holds from the first message of the next run on. Threats V03. @module */
import type { Observable, Unsubscribe } from "../../base/events.js";
import { bareJid } from "../../base/jid.js";
import type { Ledger } from "../../session/ledger.js";
import type { Engine } from "./engine.js";
import type { Gate } from "./gate.js";
import type { ContactRules, ReachReport } from "./types.js";

/** Who may reach the user how, and when. */
export class ContactPolicy implements Observable<ContactRules | undefined> {
  readonly #gate: Gate;
  readonly #engine: Engine;
  readonly #ledger: Ledger;

  private constructor(gate: Gate, engine: Engine, ledger: Ledger) {
    this.#gate = gate;
    this.#engine = engine;
    this.#ledger = ledger;
  }

  /** @internal */
  static async open(gate: Gate, ledger: Ledger): Promise<ContactPolicy> {
    return new ContactPolicy(gate, await gate.engine(), ledger);
  }

  /** The rules; `undefined` if none were ever set: everybody's messages are delivered, those of strangers flagged as such. */
  getSnapshot = (): ContactRules | undefined => this.#engine.rules.getSnapshot();

  /** Calls `listener` after each change of the snapshot. */
  subscribe = (listener: () => void): Unsubscribe => this.#engine.rules.subscribe(listener);

  /**
   * Replaces the rules; `undefined` takes them away. Holds for what comes from now on, and is durable when it resolves. What is in the
   * strangers' box stays there.
   * @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_JID` for rules that cannot hold; then nothing has changed. StorageError
   */
  set(rules: ContactRules | undefined): Promise<void> {
    return this.#engine.set(rules);
  }

  /**
   * What the rules say about `jid` now, and who he is to this account. Messages and receipts are dealt with here; for calls, files and typing
   * the application asks, and acts. @throws UsageError `ERR_INVALID_JID`
   */
  async reach(jid: string): Promise<ReachReport> {
    const address = bareJid(jid);
    return this.#ledger.read(async (tx) => this.#engine.reach(await this.#gate.person(tx, address)));
  }
}
