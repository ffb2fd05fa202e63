/**
 * What tabs tell each other of who leads: whoever asks is answered, who begins to lead says so, and who is mistaken hears it. A leader speaks only
 * after a look at its lock, and is followed only by tabs that see it among the locks.
 * Spec: Web Locks, BroadcastChannel. Threats D10.
 * Not here: which of two leaders is the newer one (known-leader.ts), frames (hub.ts), when to ask (leader-watch.ts).
 * @module
 */
import type { Channels } from "./channels.js";
import type { Election } from "./election.js";
import type { Fields } from "./frame-fields.js";
import type { HubMessage, Wishes } from "./hub-messages.js";
import type { KnownLeader } from "./known-leader.js";
import type { Leadership } from "./leadership.js";
import type { StoreLosses } from "./store-losses.js";
import { fromWire } from "./wire.js";

/** The messages that are about the leader, not to it. */
export type LeaderMessage = Extract<HubMessage, { readonly kind: "who" | "lead" | "past" | "lost" }>;

export interface LeaderTalkDeps {
  /** This tab. */
  readonly id: string;
  readonly channels: Channels;
  readonly election: Election;
  readonly known: KnownLeader;
  readonly losses: StoreLosses;
  /** This tab's own, while it leads. */
  readonly leadership: () => Leadership | undefined;
  readonly isClosed: () => boolean;
  /** The leader has given a sign of life. */
  readonly alive: () => void;
  /** The leader has asked who leads, so it does no more. */
  readonly retired: () => void;
  /** This tab follows another leader than before. */
  readonly follows: () => void;
}

/** One tab's part of it. */
export class LeaderTalk {
  readonly #d: LeaderTalkDeps;

  constructor(deps: LeaderTalkDeps) {
    this.#d = deps;
  }

  /** Asks the leader, or whoever it may be. */
  ask(): void {
    const { known, channels, id } = this.#d;
    if (known.present === undefined) this.askAll();
    else channels.to(known.present.tab, { kind: "who", from: id });
  }

  /** Asks every tab. */
  askAll(): void {
    this.#d.channels.toAll({ kind: "who", from: this.#d.id });
  }

  /** Tells all that this tab leads, if it does. */
  announce(): void {
    const { leadership, channels, known, id } = this.#d;
    const epoch = leadership()?.epoch;
    if (epoch !== undefined) channels.toAll({ kind: "lead", from: id, epoch, wishes: known.wishes });
  }

  /** What the next leader has to know. */
  wish(wishes: Wishes): void {
    const { known } = this.#d;
    if (wishes === known.wishes) return;
    known.wishes = wishes;
    this.announce();
  }

  hear(message: LeaderMessage): void {
    if (!isReadable(message)) return;
    switch (message.kind) {
      case "who":
        if (this.#d.known.present?.tab === message.from) this.#d.retired();
        this.#answer(message.from);
        return;
      case "lead":
        if (this.#d.known.isFrom(message)) this.#heard(message); // seen before: its answer counts in this turn
        else this.#ifSeen(message.from, () => { this.#heard(message); });
        return;
      case "past": this.#ifSeen(message.from, () => { this.#countOn(message.epoch); }); return;
      case "lost": this.#heardLost(message);
    }
  }

  /** Only after a look at the lock: a frozen page hears the question, but is told nothing by the platform until it runs again. */
  #answer(tab: string): void {
    const { channels, known, id } = this.#d;
    this.#ifHolding(({ epoch }) => { channels.once(tab, { kind: "lead", from: id, epoch, wishes: known.wishes }); });
  }

  #heard(message: LeaderMessage & { readonly kind: "lead" }): void {
    const { known, channels, leadership, isClosed, alive, follows } = this.#d;
    const { from, epoch } = message;
    const own = leadership();
    if (own !== undefined) {
      // One of the two is mistaken, and learns it from the lock.
      if (epoch >= own.epoch) this.#countOn(epoch);
      else this.#sayPast(from);
      return;
    }
    if (isClosed()) return;
    const former = known.present;
    const news = known.hear(message);
    if (news === "past") {
      this.#sayPast(from);
      return;
    }
    alive();
    if (news === "known") return;
    if (former !== undefined) channels.forget(former.tab);
    follows();
  }

  #sayPast(tab: string): void {
    const { channels, known, id } = this.#d;
    channels.once(tab, { kind: "past", from: id, epoch: known.newest });
  }

  /** Somebody knows an epoch that is as new as ours: if the lock is ours, ours has to be newer. */
  #countOn(epoch: number): void {
    const { known, id } = this.#d;
    this.#ifHolding((leadership) => {
      known.count(epoch);
      if (leadership.epoch > epoch) return;
      leadership.epoch = known.begin(id);
      this.announce();
    });
  }

  #heardLost({ from, times, error }: LeaderMessage & { readonly kind: "lost" }): void {
    const { losses, known } = this.#d;
    const cause = fromWire(error);
    const count = (): void => { losses.heard(times, cause); };
    if (cause.code !== "ERR_STORE_FENCED" || known.present?.tab === from) count(); // in this turn: its lock may be ours in the next
    else this.#ifSeen(from, count); // or it was one of us who took it over
  }

  /** Who is not seen among the locks leads other tabs than ours, or is gone. */
  #ifSeen(tab: string, then: () => void): void {
    const { election, isClosed } = this.#d;
    election.sees(tab).then((seen) => { if (seen && !isClosed()) then(); }, () => undefined); // a page that ends hears nothing
  }

  #ifHolding(then: (leadership: Leadership) => void): void {
    const { election, leadership } = this.#d;
    const own = leadership();
    if (own === undefined) return;
    election.holds().then((holds) => { if (holds && leadership() === own) then(own); }, () => undefined); // a page that ends says nothing
  }
}

/** Whether its numbers can be counted on from, and its wishes kept: in a message of another build they may be missing. */
function isReadable(message: LeaderMessage): boolean {
  const { kind, epoch, times, wishes } = message as unknown as Fields;
  if (kind === "lead" && (typeof wishes !== "object" || wishes === null)) return false;
  return kind === "who" || Number.isSafeInteger(kind === "lost" ? times : epoch);
}
