/**
 * What follows when the store turns out to be an old copy: a new device in place of the old one, and one event (threats R21).
 * Not here: noticing it (store-history.ts, witness.ts, receive/catch-up.ts).
 * @module
 */
import type { Ledger } from "../../session/ledger.js";
import type { Omemo } from "../../session/omemo.js";
import { storeKey, type StoreKey } from "../../session/ports.js";
import { ClientError } from "../errors.js";
import type { ClientEvent } from "../events.js";
import { decodeJson, encodeJson, numberField } from "../json-record.js";
import type { StoreHistory } from "./store-history.js";
import type { Witness } from "./witness.js";

/** The id of the device that is replaced, from before that until the application was told. */
const key: StoreKey = storeKey("client/rolled-back");

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
    if (this.#d.onRollback === "stop") throw new ClientError("ERR_STORE_ROLLED_BACK", "the store is an old copy of what this device once was");
    const { ledger, omemo, witness, history, suspectOutbox } = this.#d;
    await suspectOutbox();
    await ledger.run((tx) => { tx.put(key, encodeJson({ former: omemo.self.address.deviceId })); });
    await omemo.renewDevice();
    await witness.restart();
    await history.accept();
    await this.tell();
  }

  /** Before anything else on a stream: what the store says of itself, and what an earlier process could no longer tell. */
  async begin(): Promise<void> {
    await this.tell();
    if (this.#d.history.broken) await this.detected();
  }

  /** Tells what has happened, also if the process that did it died before it could. */
  async tell(): Promise<void> {
    const { ledger, omemo, emit } = this.#d;
    const row = await ledger.read((tx) => tx.get(key));
    const formerDeviceId = row === undefined ? undefined : numberField(decodeJson(row), "former");
    const { deviceId } = omemo.self.address;
    if (formerDeviceId === undefined || formerDeviceId === deviceId) return; // not replaced yet: it will be noticed again
    emit({ kind: "rolled-back", formerDeviceId, deviceId });
    await ledger.run((tx) => { tx.delete(key); });
  }
}
