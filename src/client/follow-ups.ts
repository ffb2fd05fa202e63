/**
 * What a received message asks of us after its commit: empty messages, rate-limited by session/, and a fresh bundle, rate-limited here: whoever
 * uses up key after key makes us publish once a minute (threats R24, L04). A bundle that only strangers have used a key of is published again
 * at a time that tells them nothing (threats V03). On a stream that lasts the bundle is looked after once a day, as on a fresh one.
 * @module
 */
import type { Clock } from "../base/clock.js";
import { unhurriedRepublishMs } from "../base/limits.js";
import { randomInteger, type Rng } from "../base/rng.js";
import type { Ledger } from "../session/ledger.js";
import type { Omemo } from "../session/omemo.js";
import type { FollowUp, RecipientPlan } from "../session/outcome.js";
import type { Transaction } from "../session/transaction.js";
import { encryptedMessage } from "../transport/xep/message.js";
import type { Gate } from "./contact-policy/gate.js";
import { asSottoError } from "./errors.js";
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

type SendEmpty = FollowUp & { readonly kind: "send-empty" };

/** Follow-ups that may wait for a stream; more than that is the work of strangers (threats L02). */
const waitingMax = 1_000;

/** Milliseconds between two publications of the bundle that messages call for: until then its keys are shared by some more (docs/protocol.md 5.4). */
export const republishIntervalMs: number = 60_000;
/** Milliseconds until a publication is tried again that failed in a way that looks as if it would fail again. */
const refusedAgainMs = 60 * 60 * 1000;
/** Milliseconds after which a lasting stream has the bundle rotated, published and settled; up to an hour longer, so that it tells no habit. */
export const upkeepMs: number = 24 * 60 * 60 * 1000;

/** Runs follow-ups one at a time, only while a stream is up. */
export class FollowUps {
  readonly #d: FollowUpDeps;
  readonly #waiting: SendEmpty[] = [];
  /** Those that the end of a stream came between. */
  readonly #unsent: SendEmpty[] = [];
  #connection: Connection | undefined;
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  // By the monotonic clock.
  #republishAt = Infinity;
  /** {@link #republishAt} of the stream before, for one that continues it. */
  #formerRepublishAt = Infinity;
  #republishedAt = -Infinity;
  #upkeepAt = Infinity;

  constructor(deps: FollowUpDeps) {
    this.#d = deps;
  }

  /** Queues one; the same one twice is done once. */
  add(followUp: FollowUp): void {
    if (followUp.kind === "republish-bundle") this.#republish(followUp.unhurried === true);
    else if (this.#waiting.length >= waitingMax || this.#waiting.some((other) => followUpKey(other) === followUpKey(followUp))) return;
    else this.#waiting.push(followUp);
    this.#kick();
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    if (connection.continued) this.#republishAt = Math.min(this.#republishAt, this.#formerRepublishAt);
    else this.#planUpkeep(); // it began with an announcement of its own
    this.#formerRepublishAt = Infinity;
    for (const followUp of this.#unsent.splice(0)) this.add(followUp);
    this.#kick();
  }

  detach(): void {
    this.#connection = undefined;
    this.#formerRepublishAt = Math.min(this.#formerRepublishAt, this.#republishAt);
    this.#republishAt = Infinity;
    this.#arm();
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #republish(unhurried: boolean): void {
    if (unhurried && this.#republishAt !== Infinity) return; // the time that was drawn stays, however many messages come
    const now = this.#d.clock.monotonic();
    const at = unhurried
      ? now + randomInteger(this.#d.rng, unhurriedRepublishMs, 2 * unhurriedRepublishMs)
      : Math.max(now, this.#republishedAt + republishIntervalMs);
    this.#republishAt = Math.min(this.#republishAt, at);
  }

  #planUpkeep(): void {
    this.#upkeepAt = this.#d.clock.monotonic() + randomInteger(this.#d.rng, upkeepMs, upkeepMs + unhurriedRepublishMs);
  }

  #kick(): void {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
      this.#arm();
    });
  }

  /** Comes back for what is not due yet. */
  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#connection === undefined) return;
    const { clock } = this.#d;
    const now = clock.monotonic();
    const at = this.#waiting.length > 0 ? now : Math.min(this.#republishAt, this.#upkeepAt);
    if (at !== Infinity) this.#cancelTimer = clock.schedule(Math.max(0, at - now), () => { this.#kick(); });
  }

  async #drain(): Promise<void> {
    await Promise.resolve(); // so that `#running` is set before the first one can end
    for (;;) {
      const connection = this.#connection;
      const work = connection === undefined ? undefined : this.#next(connection);
      if (connection === undefined || work === undefined) return;
      try {
        await work;
      } catch (error) {
        if (!connection.signal.aborted) this.#d.onError(error);
      }
    }
  }

  /** Begins what is due. */
  #next(connection: Connection): Promise<void> | undefined {
    const now = this.#d.clock.monotonic();
    if (this.#upkeepAt <= now) return this.#upkeep(connection);
    if (this.#republishAt <= now) return this.#announce(connection);
    const followUp = this.#waiting.shift();
    return followUp === undefined ? undefined : this.#sendOrKeep(followUp, connection);
  }

  /** What failed stays due, also for a stream that continues this one: nothing else would publish what was used up. */
  async #announce({ signal }: Connection): Promise<void> {
    const { clock, omemo } = this.#d;
    this.#republishAt = Infinity;
    this.#republishedAt = clock.monotonic();
    try {
      await omemo.announce(signal);
    } catch (error) {
      const pauseMs = signal.aborted || asSottoError(error).retryable ? republishIntervalMs : refusedAgainMs;
      this.#republishAt = Math.min(this.#republishAt, clock.monotonic() + pauseMs);
      throw error;
    }
  }

  /** As after catch-up: private halves that nobody finds in our bundle any more go (threats R23). What the server shows is looked at (threats T16). */
  async #upkeep(connection: Connection): Promise<void> {
    this.#planUpkeep();
    this.#d.omemo.expireDeviceLists();
    await this.#announce(connection);
    await this.#d.ledger.run((tx) => this.#d.omemo.settlePreKeys(tx));
  }

  /** The session may be stored by then: no message of theirs would make us begin one again, and they would never learn of it. */
  async #sendOrKeep(followUp: SendEmpty, connection: Connection): Promise<void> {
    try {
      await this.#sendEmpty(followUp, connection);
    } catch (error) {
      const passing = connection.signal.aborted || asSottoError(error).retryable;
      if (passing && this.#unsent.length < waitingMax) this.#unsent.push(followUp);
      throw error;
    }
  }

  async #sendEmpty(followUp: SendEmpty, connection: Connection): Promise<void> {
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
    if (message === undefined && plan?.recipients.some(isUnavailable) === true) omemo.postponeRepair(followUp.device);
    if (message === undefined || !(await ledger.owns())) return;
    await connection.stream.send(encryptedMessage({ to: followUp.device.jid, id, message }));
  }
}

const isUnavailable = ({ devices }: RecipientPlan): boolean => devices.some(({ bundle }) => bundle?.kind === "unavailable");

/** The same for follow-ups that are done once. */
export const followUpKey = (followUp: FollowUp): string =>
  followUp.kind === "send-empty" ? `${followUp.device.jid} ${String(followUp.device.deviceId)}` : `${followUp.kind} ${String(followUp.unhurried === true)}`;
