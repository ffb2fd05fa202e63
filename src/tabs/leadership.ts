/**
 * What a tab does while it leads: opens the host, keeps what comes meanwhile, and sees to it that each tab's frames arrive in order and once.
 * Not here: who leads (election.ts), what the host does with frames (host.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import type { Unsubscribe } from "../base/events.js";
import { leaderCloseMsMax, leaderEarlyFramesMax, leaderLossHeardMs, leaderOpenAttemptsMax, leaderOpenRetryMs } from "../base/limits.js";
import { type AnySottoError, asSottoError } from "../client/errors.js";
import { FrameCount } from "./frame-count.js";
import type { FacadeFrame, HostFrame } from "./frames.js";
import type { HubMessage } from "./hub-messages.js";
import type { Host } from "./link.js";
import { isMeant, type StoreLosses } from "./store-losses.js";

export interface LeadershipDeps {
  /** The leader's own tab. */
  readonly id: string;
  readonly clock: Clock;
  readonly epoch: number;
  /** Stores that have ended, under whichever tab: how long to wait before the next one, and whether there is to be one. */
  readonly losses: StoreLosses;
  /** Resolves when the hosts of former leaderships of this tab are closed: their clients may still say goodbye. */
  readonly former: Promise<void>;
  /** Whether the lock is still ours, by the platform's word. */
  readonly holds: () => Promise<boolean>;
  /** Opens a host; once more if that failed for a reason that may pass. */
  readonly open: (out: (tab: string, frame: HostFrame) => void, store: StoreCharge) => Promise<Host>;
  /** To another tab. */
  readonly send: (tab: string, message: HubMessage) => void;
  /** To the facade of this tab. */
  readonly local: (frame: HostFrame) => void;
  /** Calls `gone` when that tab lives no more. */
  readonly watch: (tab: string, gone: () => void) => Unsubscribe;
  /** A tab is gone: nothing more is to be said to it. */
  readonly forget: (tab: string) => void;
  /** The host was handed this, of that tab. */
  readonly took: (tab: string, frame: FacadeFrame) => void;
  /** The host cannot be opened. */
  readonly failed: (error: AnySottoError) => void;
  /** The store has ended, so often lately: for the other tabs. */
  readonly lost: (times: number, error: AnySottoError) => void;
  /** It was given up, and its host is closed. */
  readonly over: () => void;
}

/** What the store of a host asks of its leadership, and tells it. */
export interface StoreCharge {
  /** Whether it may be taken over: only by the leader, by the platform's word. */
  readonly holds: () => Promise<boolean>;
  /** It has ended under an open host, and its client has said so. */
  readonly ended: (error: AnySottoError) => void;
}

/** One session of another tab. */
interface Session {
  readonly number: number;
  readonly frames: FrameCount;
  /** Frames of it found no room while the host was being opened. */
  missed: boolean;
}

/** From the lock's grant to its loss. */
export class Leadership {
  readonly #d: LeadershipDeps;
  /** Grows if a tab knows a newer one, though the lock is ours. */
  epoch: number;
  /** The store is somebody else's, mostly the next leader's: what our client says of that is no news to our tab, which follows that one in a moment. */
  isFenced = false;
  readonly #sessions = new Map<string, Session>();
  readonly #watched = new Map<string, Unsubscribe>();
  /** What came before the host was there, in order. */
  #early: ((host: Host) => void)[] | undefined = [];
  /** How many of these are frames of other tabs. */
  #earlyFrames = 0;
  #host: Host | undefined;
  #closed = false;
  readonly #opening: Promise<void>;
  /** Resolves when the other tabs have heard that there is no store to be opened any more, if that was told. */
  #heard: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(deps: LeadershipDeps) {
    this.#d = deps;
    this.epoch = deps.epoch;
    this.#opening = this.#open();
  }

  /** A frame of this tab's own facade. */
  takeLocal(frame: FacadeFrame): void {
    this.#hand(this.#d.id, frame);
  }

  /** A frame of another tab. */
  take({ from, epoch, session: number, n, frame }: HubMessage & { readonly kind: "up" }): void {
    if (this.#closed || epoch !== this.epoch) return;
    let session = this.#sessions.get(from);
    if (n === 0 && (session === undefined || number > session.number)) {
      if (session !== undefined) this.#leave(from);
      session = { number, frames: new FrameCount(), missed: false };
      this.#sessions.set(from, session);
      if (!this.#watched.has(from)) this.#watched.set(from, this.#d.watch(from, () => { this.#gone(from); }));
    }
    if (session !== undefined && number < session.number) return; // of a session that is over
    const current = session?.number === number ? session : undefined;
    if (current !== undefined && this.#missesOut(current)) return;
    const place = current?.frames.take(n) ?? "gap";
    if (place === "gap") this.#sayAgain(from, number); // something of it was lost on the way: what follows would be half a story
    if (place !== "next") return;
    if (this.#early !== undefined) this.#earlyFrames += 1;
    this.#hand(from, frame);
  }

  /** Closes the host; resolves when that is done, or has taken too long. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#early = undefined;
    this.#wake?.();
    for (const unwatch of this.#watched.values()) unwatch();
    this.#watched.clear();
    this.#sessions.clear(); // what is still to be said to them is the next leader's to say
    const closing = this.#opening.then(() => this.#host?.close()).catch(() => undefined); // it is over for whoever leads next
    await new Promise<void>((resolve) => {
      const cancel = this.#d.clock.schedule(leaderCloseMsMax, resolve);
      void closing.then(() => {
        cancel();
        resolve();
      });
    });
    await this.#heard; // also if the application closes its client at this news, as most do
  }

  async #open(): Promise<void> {
    const { losses, former, holds, failed } = this.#d;
    const { pauseMs } = losses;
    if (pauseMs > 0) await this.#sleep(pauseMs);
    for (let attempt = 1; !this.#closed; attempt++) {
      try {
        await former;
        if (losses.refusal !== undefined) throw losses.refusal;
        const host = await this.#d.open((tab, frame) => { this.#out(tab, frame); }, { holds, ended: (error) => { this.#storeEnded(error); } });
        this.#host = host;
        const early = this.#early;
        this.#early = undefined;
        for (const act of early ?? []) act(host);
        for (const [tab, { number, missed }] of this.#sessions) if (missed) this.#sayAgain(tab, number);
        return;
      } catch (error) {
        const failure = asSottoError(error);
        if (this.#isClosed()) return;
        if (!failure.retryable || attempt >= leaderOpenAttemptsMax) {
          // Fenced by the tab that took our lock while we opened: we hear of that in a moment, and follow.
          if (failure.code === "ERR_STORE_FENCED" && !(await holds().catch(() => false))) return;
          if (isMeant(failure) && losses.refusal === undefined) this.#tellLoss(failure);
          failed(failure);
          return;
        }
        await this.#sleep(leaderOpenRetryMs * 2 ** (attempt - 1));
      }
    }
  }

  /**
   * Our client cannot store anything any more, and has told so. The lock is given up, after its clean end: whoever gets it, perhaps we again,
   * opens the store anew. After an eviction that is a new device, as at any start (threats D07).
   */
  #storeEnded(error: AnySottoError): void {
    const giveUp = (isLoss: boolean): void => {
      if (this.#closed) return;
      if (isLoss) this.#tellLoss(error);
      void this.close().then(this.#d.over);
    };
    // Taken over by the tab that took our lock, which is as it should be, or by a client that knows nothing of tabs.
    this.isFenced = error.code === "ERR_STORE_FENCED";
    if (this.isFenced) this.#d.holds().then(giveUp, () => undefined); // a page that ends says nothing
    else queueMicrotask(() => { giveUp(true); }); // what the client has said of it is on its way by then
  }

  /** Locks overtake messages: the tab that gets ours has to have heard by then that nothing is to be opened, or would take it from its new owner. */
  #tellLoss(error: AnySottoError): void {
    const { losses, lost, clock } = this.#d;
    lost(losses.add(error), error);
    if (losses.refusal !== undefined && this.#sessions.size > 0) this.#heard = new Promise((resolve) => { clock.schedule(leaderLossHeardMs, resolve); });
  }

  #hand(tab: string, frame: FacadeFrame): void {
    if (this.#closed) return;
    this.#d.took(tab, frame);
    this.#withHost((host) => { host.take(tab, frame); });
  }

  /** Now, or as soon as it is open. */
  #withHost(act: (host: Host) => void): void {
    if (this.#early !== undefined) this.#early.push(act);
    else if (this.#host !== undefined) act(this.#host);
  }

  /** Whether no more of `session` can be kept until the host is there. Its tab then says all of it again. */
  #missesOut(session: Session): boolean {
    if (this.#early === undefined) return false;
    session.missed ||= this.#earlyFrames >= leaderEarlyFramesMax;
    return session.missed;
  }

  #sayAgain(tab: string, session: number): void {
    this.#d.send(tab, { kind: "again", from: this.#d.id, epoch: this.epoch, session });
  }

  #out(tab: string, frame: HostFrame): void {
    if (this.#closed) return;
    if (tab === this.#d.id) {
      this.#d.local(frame);
      return;
    }
    const session = this.#sessions.get(tab);
    if (session === undefined) return;
    this.#d.send(tab, { kind: "down", from: this.#d.id, epoch: this.epoch, session: session.number, n: session.frames.next(), frame });
  }

  #gone(tab: string): void {
    this.#watched.delete(tab);
    this.#sessions.delete(tab);
    this.#leave(tab);
    this.#d.forget(tab);
  }

  #leave(tab: string): void {
    if (!this.#closed) this.#withHost((host) => { host.leave(tab); });
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#d.clock.schedule(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #isClosed(): boolean {
    return this.#closed;
  }
}
