/**
 * How often we answer by ourselves: automatic empty messages are limited per device and in total, so that nobody can make
 * us chatter, drain prekeys or tell when we are online (omemo.md 5.2, 5.3; threats R13, R22).
 * In memory: after a restart a session exists where a repair succeeded, and the heartbeat's flag is in its record.
 * @module
 */
import type { Clock } from "../base/clock.js";
import type { DeviceAddress } from "./ports.js";

/** Milliseconds between two automatic messages to one device for the same reason. */
const followUpIntervalMs = 60_000;
/** Milliseconds between two attempts to build a missing session with one device. */
const repairIntervalMs = 60 * 60 * 1000;
/** Attempts of that kind within one interval, all devices together. */
const repairsMax = 20;
/** Devices that are remembered; the oldest are forgotten first. */
const rememberedMax = 1_000;

/** Reasons with limits of their own. */
type FollowUpReason = "key-exchange-accepted" | "heartbeat" | "no-session";

/** Counts automatic answers of one device of ours. */
export class FollowUpLimits {
  readonly #clock: Clock;
  readonly #last = new Map<string, number>();
  #repairs: readonly number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether an answer may be made now; if so, it counts as made. */
  allow(device: DeviceAddress, reason: FollowUpReason): boolean {
    const now = this.#clock.monotonic();
    const key = keyOf(device, reason);
    const last = this.#last.get(key);
    if (last !== undefined && now - last < (reason === "no-session" ? repairIntervalMs : followUpIntervalMs)) return false;
    if (reason === "no-session") {
      this.#repairs = this.#repairs.filter((time) => now - time < repairIntervalMs);
      if (this.#repairs.length >= repairsMax) return false;
      this.#repairs = [...this.#repairs, now];
    }
    this.#last.delete(key); // the newest entries stand last
    this.#last.set(key, now);
    const oldest = this.#last.keys().next();
    if (this.#last.size > rememberedMax && oldest.done !== true) this.#last.delete(oldest.value);
    return true;
  }

  /** The answer is not made after all: what it was for was given up. */
  giveBack(device: DeviceAddress, reason: FollowUpReason): void {
    this.#last.delete(keyOf(device, reason));
    if (reason === "no-session") this.#repairs = this.#repairs.slice(0, -1);
  }
}

const keyOf = (device: DeviceAddress, reason: FollowUpReason): string => `${reason} ${device.deviceId} ${device.jid}`;
