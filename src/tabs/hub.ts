/**
 * One tab's place among the tabs of an account: carries the facade's frames to whoever leads, and leads when it is its turn.
 * No frame is delivered twice or out of order; when one was lost, or the leader changes, the facade is told of a new epoch and repeats what it
 * must.
 * Spec: Web Locks, BroadcastChannel. Threats D10.
 * Not here: the lock (election.ts), how tabs agree on who leads (leader-talk.ts), whether it is there (leader-watch.ts), what a leader does
 * (leadership.ts).
 * @module
 */
import { SottoError } from "../base/errors.js";
import { Emitter, type Unsubscribe } from "../base/events.js";
import { randomId } from "../base/rng.js";
import type { AnySottoError } from "../client/errors.js";
import { Channels, type TabNames } from "./channels.js";
import { Election } from "./election.js";
import { FrameCount } from "./frame-count.js";
import type { FacadeFrame, HostFrame } from "./frames.js";
import type { HubMessage, Wishes } from "./hub-messages.js";
import { KnownLeader } from "./known-leader.js";
import { LeaderTalk } from "./leader-talk.js";
import { LeaderWatch } from "./leader-watch.js";
import { Leadership, type StoreCharge } from "./leadership.js";
import type { Host, LeaderLink } from "./link.js";
import { refusedTabs, type TabPlatform } from "./platform.js";
import { holdLock, whenFree } from "./tab-locks.js";
import { LastEvent } from "./last-event.js";
import { StoreLosses } from "./store-losses.js";
import { toWire } from "./wire.js";
import { wishesAfter } from "./wishes.js";

export interface HubDeps {
  readonly platform: TabPlatform;
  readonly names: TabNames;
  /** Opens a host with a store of its own: once per leadership, and again after a failure that may pass. */
  readonly openHost: (wishes: Wishes, out: (tab: string, frame: HostFrame) => void, store: StoreCharge) => Promise<Host>;
  /** Whether frames are copied on their way between the facade and this hub already, as they are between a page and its worker. */
  readonly copied?: boolean;
}

/** A tab's link to whoever leads, itself included. */
export class Hub implements LeaderLink {
  readonly id: string;
  readonly #d: HubDeps;
  readonly #channels: Channels;
  readonly #election: Election;
  readonly #losses: StoreLosses;
  readonly #frames = new Emitter<HostFrame>();
  /** Counts for the facade, and names the session with the leader. */
  readonly #epochs = new LastEvent<number>();
  readonly #ends = new LastEvent<AnySottoError>();
  readonly #known = new KnownLeader();
  readonly #talk: LeaderTalk;
  readonly #watch: LeaderWatch;
  #leadership: Leadership | undefined;
  /** Resolves when the hosts of former leaderships of this tab are closed. */
  #closing: Promise<void> = Promise.resolve();
  #frameCount = new FrameCount();
  #closed: Promise<void> | undefined;
  /** Gives back the lock that says that this tab lives. */
  #die: () => void = () => undefined;

  private constructor(deps: HubDeps) {
    const { platform, names } = deps;
    this.id = randomId(platform.rng);
    this.#losses = new StoreLosses(platform.clock);
    this.#d = deps;
    this.#channels = new Channels(platform, names, this.id, (message) => { this.#hear(message); });
    this.#election = new Election({ locks: platform.locks, names, id: this.id, won: () => { this.#lead(); }, lost: () => { this.#stepDown(); } });
    this.#talk = new LeaderTalk({
      id: this.id, channels: this.#channels, election: this.#election, known: this.#known, losses: this.#losses,
      leadership: () => this.#leadership,
      isClosed: () => this.#closed !== undefined,
      alive: () => { this.#watch.answered(); },
      retired: () => { this.#watch.gone(); },
      follows: () => {
        this.#watch.follow();
        this.#beginSession();
      },
    });
    this.#watch = new LeaderWatch({ platform, names, election: this.#election, known: this.#known, talk: this.#talk, isFollowing: () => this.#isFollowing() });
  }

  /** Joins the tabs of the account; resolves before anybody leads. @throws ClientError `ERR_NOT_SUPPORTED` where the platform lets no tab join */
  static async open(deps: HubDeps): Promise<Hub> {
    let hub: Hub | undefined;
    try {
      hub = new Hub(deps);
      hub.#die = await holdLock(deps.platform.locks, hub.alive);
    } catch (error) {
      await hub?.close();
      throw error instanceof SottoError ? error : refusedTabs(error);
    }
    hub.#talk.ask();
    hub.#election.enter();
    return hub;
  }

  /** The lock that this tab holds as long as it lives. */
  get alive(): string {
    return this.#d.names.alive(this.id);
  }

  send(frame: FacadeFrame): void {
    const leader = this.#known.present;
    if (this.#closed !== undefined || leader === undefined) return;
    const leadership = this.#leadership;
    if (leadership !== undefined) {
      const copy = this.#copy(frame);
      queueMicrotask(() => { leadership.takeLocal(copy); });
      return;
    }
    this.#channels.to(leader.tab, { kind: "up", from: this.id, epoch: leader.epoch, session: this.#session, n: this.#frameCount.next(), frame });
  }

  onFrame(listener: (frame: HostFrame) => void): Unsubscribe {
    return this.#frames.subscribe(listener);
  }

  onEpoch(listener: (epoch: number) => void): Unsubscribe {
    return this.#epochs.subscribe(listener);
  }

  onEnd(listener: (error: AnySottoError) => void): Unsubscribe {
    return this.#ends.subscribe(listener);
  }

  waiting(is: boolean): void {
    this.#watch.waiting(is);
  }

  /** Leaves the tabs. Of a leader: after its client's clean end, so that the next one finds everything in order. Idempotent. */
  async close(): Promise<void> {
    await this.#leave();
    this.#die();
  }

  #leave(): Promise<void> {
    this.#closed ??= this.#goodbye();
    return this.#closed;
  }

  async #goodbye(): Promise<void> {
    this.#election.retire();
    this.#watch.close();
    await Promise.resolve(); // to the host of this tab frames take a microtask: what was said in this turn is not lost
    await this.#leadership?.close();
    await this.#closing;
    this.#election.leave();
    this.#channels.close();
  }

  get #session(): number {
    return this.#epochs.last ?? 0;
  }

  #isFollowing(): boolean {
    return this.#leadership === undefined && this.#closed === undefined;
  }

  #hear(message: HubMessage): void {
    switch (message.kind) {
      case "up": this.#leadership?.take(message); return;
      case "down": this.#deliver(message); return;
      case "again":
        if (message.session === this.#session && this.#isLeader(message)) this.#beginSession();
        return;
      case "who": case "lead": case "past": case "lost": this.#talk.hear(message);
    }
  }

  #isLeader(message: { readonly from: string; readonly epoch: number }): boolean {
    return this.#isFollowing() && this.#known.isFrom(message);
  }

  /** The lock is ours. */
  #lead(): void {
    const { platform: { clock }, openHost } = this.#d;
    this.#channels.catchUp();
    if (this.#closed !== undefined) return; // by whoever has heard it
    this.#watch.rest();
    const former = this.#known.present;
    if (former !== undefined) this.#channels.forget(former.tab);
    const leadership: Leadership = new Leadership({
      id: this.id, clock, epoch: this.#known.begin(this.id), losses: this.#losses, former: this.#closing,
      holds: async () => await this.#election.holds() && this.#leadership === leadership,
      open: (out, store) => openHost(this.#known.wishes, out, store),
      send: (tab, message) => { this.#channels[message.kind === "again" ? "once" : "to"](tab, message); },
      local: (frame) => {
        const copy = this.#copy(frame);
        queueMicrotask(() => { if (this.#leadership === leadership && !leadership.isFenced && this.#closed === undefined) this.#frames.emit(copy); });
      },
      watch: (tab, gone) => whenFree(this.#d.platform.locks, this.#d.names.alive(tab), () => { this.#channels.catchUp(); gone(); }),
      forget: (tab) => { this.#channels.forget(tab); },
      took: (tab, frame) => { this.#talk.wish(wishesAfter(this.#known.wishes, tab, frame)); },
      failed: (error) => { this.#end(error); },
      lost: (times, error) => { this.#channels.toAll({ kind: "lost", from: this.id, times, error: toWire(error) }); },
      over: () => {
        if (this.#leadership !== leadership || this.#closed !== undefined) return;
        this.#election.leave();
        this.#follow();
      },
    });
    this.#leadership = leadership;
    this.#talk.announce();
    this.#beginSession();
  }

  /** The lock was taken from us: whatever our client still does, its store lets nothing of it through. */
  #stepDown(): void {
    const leadership = this.#leadership;
    if (leadership !== undefined) this.#closing = Promise.all([this.#closing, leadership.close()]).then(() => undefined);
    this.#follow();
  }

  /** We lead no more: who does? */
  #follow(): void {
    this.#leadership = undefined;
    this.#known.forget();
    this.#channels.forgetAll();
    if (this.#closed !== undefined) return;
    this.#election.enter();
    this.#talk.ask();
    this.#watch.gone();
  }

  #deliver(message: HubMessage & { readonly kind: "down" }): void {
    if (!this.#isLeader(message) || message.session !== this.#session) return;
    const place = this.#frameCount.take(message.n);
    if (place !== "had") this.#watch.answered();
    if (place === "next") this.#frames.emit(message.frame);
    else if (place === "gap") this.#beginSession(); // something was lost on the way
  }

  /** As over a channel, whoever leads. */
  #copy<T>(frame: T): T {
    return this.#d.copied === true ? frame : structuredClone(frame);
  }

  #beginSession(): void {
    this.#frameCount = new FrameCount();
    this.#epochs.emit(this.#session + 1);
  }

  #end(error: AnySottoError): void {
    this.#ends.emit(error);
    // A page takes a worker whose lock is free for lost, and locks overtake messages: there it closes this hub once it has heard why.
    void (this.#d.copied === true ? this.#leave() : this.close());
  }
}
