/**
 * How often we answer by ourselves: automatic empty messages are limited per device, per account and in total, so that nobody can make
 * us chatter, drain prekeys or tell when we are online, nor use up what others need (docs/protocol.md 5.2, 5.3; threats R13, R22).
 * In memory: after a restart a session exists where a repair succeeded, and the heartbeat's flag is in its record.
 * @module
 */
import type { Clock } from "../base/clock.js";
import { remember } from "../base/recent.js";
import type { DeviceAddress } from "./ports.js";
import { RateLimit } from "./rate-limit.js";

/** Milliseconds between two automatic messages to one device for the same reason. */
const followUpIntervalMs = 60_000;
/** Milliseconds between two attempts to build a missing session with one device. */
const repairIntervalMs = 60 * 60 * 1000;
/** Attempts of that kind within one interval, all devices together. */
const repairsMax = 20;
/** Of these for one account: whoever invents device ids uses up his own only. */
const repairsPerAccountMax = 3;
/** Devices that are remembered; the oldest are forgotten first. */
const rememberedMax = 1_000;

/** Reasons with limits of their own. */
type FollowUpReason = "key-exchange-accepted" | "heartbeat" | "no-session";

/** Counts automatic answers of one device of ours. */
export class FollowUpLimits {
  readonly #clock: Clock;
  readonly #last = new Map<string, number>();
  /** When which of them was allowed. */
  readonly #repairs = new Map<string, number>();
  readonly #repairsPerAccount: RateLimit;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#repairsPerAccount = new RateLimit(clock, repairsPerAccountMax, repairIntervalMs);
  }

  /** Whether an answer may be made now; if so, it counts as made. */
  allow(device: DeviceAddress, reason: FollowUpReason): boolean {
    const now = this.#clock.monotonic();
    const key = keyOf(device, reason);
    const last = this.#last.get(key);
    if (last !== undefined && now - last < (reason === "no-session" ? repairIntervalMs : followUpIntervalMs)) return false;
    if (reason === "no-session") {
      for (const [other, time] of this.#repairs) if (now - time >= repairIntervalMs) this.#repairs.delete(other);
      if (this.#repairs.size >= repairsMax || !this.#repairsPerAccount.allow(device.jid)) return false;
      this.#repairs.set(key, now);
    }
    remember(this.#last, key, now, rememberedMax);
    return true;
  }

  /** The answer is not made after all: what it was for was given up. */
  giveBack(device: DeviceAddress, reason: FollowUpReason): void {
    const key = keyOf(device, reason);
    this.#last.delete(key);
    if (this.#repairs.delete(key)) this.#repairsPerAccount.giveBack(device.jid);
  }

  /**
   * The missing session could not be built for now: its device may ask for it again in a minute, and others do not suffer. It stays counted for
   * its account, or a server that never shows a bundle could make us ask for one with each message. Nothing if it was not counted: the user
   * has asked for it, or its hour is over.
   */
  postpone(device: DeviceAddress): void {
    const key = keyOf(device, "no-session");
    if (this.#repairs.delete(key)) remember(this.#last, key, this.#clock.monotonic() - repairIntervalMs + followUpIntervalMs, rememberedMax);
  }
}

const keyOf = (device: DeviceAddress, reason: FollowUpReason): string => `${reason} ${device.deviceId} ${device.jid}`;
