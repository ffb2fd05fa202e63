/** What a received message asks of us after its commit: empty messages and a fresh bundle. Already rate-limited by session/. @module */
import type { Ledger } from "../session/ledger.js";
import type { Omemo } from "../session/omemo.js";
import type { FollowUp } from "../session/outcome.js";
import type { Transaction } from "../session/transaction.js";
import { encryptedMessage } from "../transport/xep/message.js";
import type { Connection } from "./link.js";

export interface FollowUpDeps {
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly newId: () => string;
  /** Remembers an id that this device seals, in the commit that seals it. */
  readonly noteOwn: (tx: Transaction, id: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Follow-ups that may wait for a stream; more than that is the work of strangers (threats L02). */
const waitingMax = 1_000;

/** Runs follow-ups one at a time, only while a stream is up. */
export class FollowUps {
  readonly #d: FollowUpDeps;
  readonly #waiting: FollowUp[] = [];
  #connection: Connection | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: FollowUpDeps) {
    this.#d = deps;
  }

  /** Queues one; the same one twice is done once. */
  add(followUp: FollowUp): void {
    const key = followUpKey(followUp);
    if (this.#waiting.length >= waitingMax || this.#waiting.some((other) => followUpKey(other) === key)) return;
    this.#waiting.push(followUp);
    this.#kick();
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    this.#kick();
  }

  detach(): void {
    this.#connection = undefined;
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #kick(): void {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
  }

  async #drain(): Promise<void> {
    await Promise.resolve(); // so that `#running` is set before the first one can end
    for (;;) {
      const connection = this.#connection;
      const followUp = connection === undefined ? undefined : this.#waiting.shift();
      if (connection === undefined || followUp === undefined) return;
      try {
        if (followUp.kind === "republish-bundle") await this.#d.omemo.announce(connection.signal);
        else await this.#sendEmpty(followUp, connection);
      } catch (error) {
        if (!connection.signal.aborted) this.#d.onError(error);
      }
    }
  }

  async #sendEmpty(followUp: FollowUp & { readonly kind: "send-empty" }, connection: Connection): Promise<void> {
    const { omemo, ledger, newId, noteOwn } = this.#d;
    const id = newId();
    const plan = followUp.needsPlan ? await omemo.prepareDevice(followUp.device, connection.signal) : undefined;
    const message = await ledger.run(async (tx) => {
      const sealed = await omemo.sealEmpty(tx, followUp.device, plan);
      if (sealed !== undefined) noteOwn(tx, id);
      return sealed;
    });
    if (message === undefined || !(await ledger.owns())) return;
    await connection.stream.send(encryptedMessage({ to: followUp.device.jid, id, message }));
  }
}

/** The same for follow-ups that are done once. */
export const followUpKey = (followUp: FollowUp): string =>
  followUp.kind === "send-empty" ? `${followUp.device.jid} ${String(followUp.device.deviceId)}` : followUp.kind;
