/**
 * What follows when the store turns out to be an old copy: a new device in place of the old one, and one event (threats R21).
 * Not here: noticing it (witness.ts, receive/catch-up.ts).
 * @module
 */
import type { Omemo } from "../../session/omemo.js";
import { ClientError } from "../errors.js";
import type { ClientEvent } from "../events.js";
import type { Witness } from "./witness.js";

export interface RollbackDeps {
  readonly omemo: Omemo;
  readonly witness: Witness;
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
    await this.#d.suspectOutbox();
    const { former, present } = await this.#d.omemo.renewDevice();
    await this.#d.witness.restart();
    this.#d.emit({ kind: "rolled-back", formerDeviceId: former.deviceId, deviceId: present.deviceId });
  }
}
