/**
 * What follows when the store turns out to be an old copy: a new device in place of the old one, and one event (threats R21).
 * What shows it shows it once: behind the page of the archive is the cursor. So it is marked first, where it can be in the same commit, and the
 * mark stays until the application was told.
 * Not here: noticing it (store-history.ts, witness.ts, receive/catch-up.ts).
 * @module
 */
import type { Ledger } from "../../session/ledger.js";
import type { Omemo } from "../../session/omemo.js";
import { storeKey, type DeviceId, type StoreKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../damaged.js";
import { ClientError } from "../errors.js";
import type { ClientEvent } from "../events.js";
import { decodeJson, encodeJson, numberField } from "../json-record.js";
import type { StoreHistory } from "./store-history.js";
import type { Witness } from "./witness.js";

/** The mark: the id of the device that has to be replaced, from the commit that showed it until the application was told. */
const key: StoreKey = storeKey("client/rolled-back");

/** Marks `present` as a device that has to be replaced before anything is encrypted again: {@link Rollback.begin} sees to it. */
export function markRolledBack(tx: Transaction, present: DeviceId): void {
  tx.put(key, encodeJson({ former: present }));
}

export interface RollbackDeps {
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly witness: Witness;
  readonly history: StoreHistory;
  /** What waits in the outbox may have been sent by the state that was lost: the archive is asked before it is encrypted. */
  readonly suspectOutbox: () => Promise<void>;
  readonly emit: (event: ClientEvent) => void;
  readonly onRollback: "renew" | "stop";
}

/** Reacts once per stream. */
export class Rollback {
  readonly #d: RollbackDeps;

  constructor(deps: RollbackDeps) {
    this.#d = deps;
  }

  /**
   * Old sessions never encrypt again from here on.
   * @throws ClientError `ERR_STORE_ROLLED_BACK` if the application wants to decide for itself
   */
  async detected(): Promise<void> {
    const { ledger, omemo, witness, history, suspectOutbox, onRollback } = this.#d;
    await ledger.run((tx) => { markRolledBack(tx, omemo.self.address.deviceId); });
    if (onRollback === "stop") throw new ClientError("ERR_STORE_ROLLED_BACK", "the store is an old copy of what this device once was");
    await history.accept(); // the mark says the same from here on
    await suspectOutbox();
    await omemo.renewDevice();
    await witness.restart();
    await this.tell();
  }

  /**
   * Before anything else on a stream: what the store says of itself, and what an earlier stream or process could no longer tell or do.
   * @throws what {@link Rollback.detected} throws
   */
  async begin(): Promise<void> {
    await this.tell();
    if (this.#d.history.broken || (await this.isDue())) await this.detected();
  }

  /** Whether this very device was marked, and is not replaced yet. */
  async isDue(): Promise<boolean> {
    return (await this.#marked()) === this.#d.omemo.self.address.deviceId;
  }

  /** Tells what has happened, also if the process that did it died before it could. */
  async tell(): Promise<void> {
    const { ledger, omemo, emit } = this.#d;
    const formerDeviceId = await this.#marked();
    const { deviceId } = omemo.self.address;
    if (formerDeviceId === undefined || formerDeviceId === deviceId) return; // not replaced yet
    emit({ kind: "rolled-back", formerDeviceId, deviceId });
    await ledger.run((tx) => { tx.delete(key); });
  }

  /** A mark that cannot be read is one all the same (threats D13). */
  async #marked(): Promise<number | undefined> {
    const { ledger, omemo } = this.#d;
    const former = await unlessDamaged(async () => {
      const row = await ledger.read((tx) => tx.get(key));
      return row === undefined ? undefined : numberField(decodeJson(row), "former");
    });
    return former === "damaged" ? omemo.self.address.deviceId : former;
  }
}
