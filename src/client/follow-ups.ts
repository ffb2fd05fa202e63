/**
 * What a received message asks of us after its commit: empty messages and a fresh bundle. Already rate-limited by session/.
 * A bundle that only strangers have used a key of is published again at a time that tells them nothing (threats V03).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { unhurriedRepublishMs } from "../base/limits.js";
import { randomInteger, type Rng } from "../base/rng.js";
import type { Ledger } from "../session/ledger.js";
import type { Omemo } from "../session/omemo.js";
import type { FollowUp } from "../session/outcome.js";
import type { Transaction } from "../session/transaction.js";
import { encryptedMessage } from "../transport/xep/message.js";
import type { Gate } from "./contact-policy/gate.js";
import type { Connection } from "./link.js";

export interface FollowUpDeps {
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly gate: Pick<Gate, "isBlocked" | "isHidden">;
  readonly clock: Clock;
  readonly rng: Rng;
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
  #cancelRepublish: (() => void) | undefined;

  constructor(deps: FollowUpDeps) {
    this.#d = deps;
  }

  /** Queues one; the same one twice is done once. */
  add(followUp: FollowUp): void {
    if (followUp.kind === "republish-bundle" && followUp.unhurried === true) {
      this.#republishLater();
      return;
    }
    const key = followUpKey(followUp);
    if (this.#waiting.length >= waitingMax || this.#waiting.some((other) => followUpKey(other) === key)) return;
    this.#waiting.push(followUp);
    this.#kick();
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    this.#kick();
  }

  /** The next stream begins with an announcement of its own. */
  detach(): void {
    this.#connection = undefined;
    this.#cancelRepublish?.();
    this.#cancelRepublish = undefined;
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #republishLater(): void {
    const delayMs = randomInteger(this.#d.rng, unhurriedRepublishMs, 2 * unhurriedRepublishMs);
    this.#cancelRepublish ??= this.#d.clock.schedule(delayMs, () => {
      this.#cancelRepublish = undefined;
      this.add({ kind: "republish-bundle" });
    });
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
    const { jid } = followUp.device;
    if (this.#d.gate.isBlocked(jid) || this.#d.gate.isHidden(jid)) return; // since it was asked for (threats V03, V04)
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
  followUp.kind === "send-empty" ? `${followUp.device.jid} ${String(followUp.device.deviceId)}` : `${followUp.kind} ${String(followUp.unhurried === true)}`;
