/**
 * Tabs of one account over a queue in memory: facades, the host of whoever leads, and a real client behind it. Frames are cloned as a browser
 * clones them. Leaders die when the test says so, before or after they have done the work; frames are lost when it says so.
 * @module
 */
import { onTestFinished } from "vitest";
import type { Clock } from "../../src/base/clock.js";
import { Emitter } from "../../src/base/events.js";
import { type BareJid, bareJid } from "../../src/base/jid.js";
import type { SottoClient } from "../../src/client/client.js";
import { createClientWith } from "../../src/client/create-client.js";
import type { AnySottoError } from "../../src/client/errors.js";
import type { Connector } from "../../src/client/link.js";
import type { ClientOptions } from "../../src/client/options.js";
import type { Client } from "../../src/client/surface.js";
import { type MemoryDisk, memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { createFacade } from "../../src/tabs/facade.js";
import type { FacadeFrame, HostFrame } from "../../src/tabs/frames.js";
import { type ClientHost, openHost } from "../../src/tabs/host.js";
import type { LeaderLink } from "../../src/tabs/link.js";
import { establishSession } from "../../src/transport/stream/establish.js";
import { Life, type Fault } from "../simulation/life.js";
import { Scheduler } from "../simulation/scheduler.js";
import { Wire } from "../simulation/wire.js";
import { PeopleServer, rosterItem } from "./people-server.js";

export const romeo: BareJid = bareJid("romeo@verona.example");
export const juliet: BareJid = bareJid("juliet@verona.example");
export const nurse: BareJid = bareJid("nurse@verona.example");

/** Real time, as short as the platform's. */
class LiveScheduler extends Scheduler {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  override get now(): number {
    return Date.now();
  }

  override after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** One tab's link. */
export class LoopbackLink implements LeaderLink {
  readonly id: string;
  readonly frames = new Emitter<HostFrame>((error) => { throw error; });
  readonly epochs = new Emitter<number>((error) => { throw error; });
  /** Every change of what was told to `waiting`. */
  readonly waits: boolean[] = [];
  readonly sent: FacadeFrame[] = [];
  readonly received: HostFrame[] = [];
  /** No leader will come any more. */
  readonly ends = new Emitter<AnySottoError>((error) => { throw error; });
  isClosed = false;
  readonly #world: FacadeWorld;

  constructor(world: FacadeWorld, id: string) {
    this.#world = world;
    this.id = id;
  }

  send(frame: FacadeFrame): void {
    this.sent.push(frame);
    this.#world.up(this, structuredClone(frame));
  }

  onFrame(listener: (frame: HostFrame) => void): () => void {
    return this.frames.subscribe(listener);
  }

  onEpoch(listener: (epoch: number) => void): () => void {
    const { epoch } = this.#world;
    if (epoch > 0) queueMicrotask(() => { if (this.#world.epoch === epoch) listener(epoch); });
    return this.epochs.subscribe(listener);
  }

  onEnd(listener: (error: AnySottoError) => void): () => void {
    return this.ends.subscribe(listener);
  }

  waiting(is: boolean): void {
    if (this.waits.at(-1) !== is) this.waits.push(is);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#world.links.delete(this);
    this.#world.alive.delete(this.id);
  }
}

/** See the module. */
export class FacadeWorld {
  readonly disk: MemoryDisk = memoryDisk();
  readonly scheduler = new LiveScheduler();
  readonly server: PeopleServer;
  readonly links = new Set<LoopbackLink>();
  /** Tabs that live, frozen or not; one that was closed or has crashed is to be taken out. */
  readonly alive = new Set<string>();
  epoch = 0;
  host: ClientHost | undefined;
  life = new Life();
  /** Frames that never arrive. */
  lose: (frame: FacadeFrame | HostFrame, direction: "up" | "down") => boolean = () => false;
  readonly options: Partial<ClientOptions>;
  readonly #wires = new Set<Wire>();
  readonly #others: SottoClient[] = [];
  readonly #facades: Client[] = [];
  #tabs = 0;

  /** @param options of every leader; without `autoConnect` they stay offline */
  constructor(options: Partial<ClientOptions> = {}) {
    this.options = { autoConnect: false, ...options };
    this.server = new PeopleServer(this.scheduler, { domain: "verona.example", resumeSeconds: 60, tellsHandled: true, managed: true, archived: true });
    for (const jid of [romeo, juliet, nurse]) this.server.register(jid);
    for (const jid of [romeo, juliet]) this.server.roster.set(jid, rosterItem(jid));
  }

  /** Somebody else leads; whoever led is dead. @param fault what goes wrong with the new leader's store */
  async lead(fault?: Fault): Promise<ClientHost> {
    this.crash();
    const epoch = this.epoch + 1;
    const life = new Life(fault);
    this.life = life;
    const living = (tabs: readonly string[]): Promise<readonly string[]> => Promise.resolve(tabs.filter((tab) => this.alive.has(tab)));
    const host = await openHost({ ...this.#clientOptions(romeo, life, this.disk), living }, (tab, frame) => { this.#down(epoch, tab, structuredClone(frame)); }, this.network(romeo, life));
    this.host = host;
    this.epoch = epoch;
    for (const link of [...this.links]) link.epochs.emit(epoch);
    return host;
  }

  /** The leader is gone, in the middle of whatever it did. */
  crash(): void {
    this.life.die();
    this.host = undefined;
    for (const wire of this.#wires) wire.cut(true);
  }

  /** A tab and its client. */
  async tab(clock?: Clock): Promise<{ readonly client: Client; readonly link: LoopbackLink }> {
    const link = new LoopbackLink(this, `tab-${String(++this.#tabs)}`);
    this.links.add(link);
    this.alive.add(link.id);
    const client = await createFacade(link, clock);
    this.#facades.push(client);
    return { client, link };
  }

  /** A leader, and a tab with its client. */
  async open(): Promise<{ readonly client: Client; readonly link: LoopbackLink; readonly host: ClientHost }> {
    const host = await this.lead();
    return { ...await this.tab(), host };
  }

  /** Somebody else's client, connected to the same server. */
  async other(jid: BareJid): Promise<SottoClient> {
    const life = new Life();
    const client = await createClientWith({ ...this.#clientOptions(jid, life, memoryDisk()), autoConnect: true }, this.network(jid, life));
    this.#others.push(client);
    await client.ready();
    return client;
  }

  up(link: LoopbackLink, frame: FacadeFrame): void {
    const { host } = this;
    if (this.lose(frame, "up")) return;
    queueMicrotask(() => { if (this.host === host) host?.take(link.id, frame); });
  }

  /** Everything that belongs to this world ends. */
  async end(): Promise<void> {
    for (const facade of this.#facades) await facade.close();
    for (const other of this.#others) await other.close();
    if (this.host !== undefined) await this.host.close();
    this.scheduler.end();
  }

  #down(epoch: number, tab: string, frame: HostFrame): void {
    if (this.lose(frame, "down")) return;
    queueMicrotask(() => {
      if (this.epoch !== epoch || this.host === undefined) return;
      for (const link of [...this.links]) {
        if (link.id !== tab) continue;
        link.received.push(frame);
        link.frames.emit(frame);
      }
    });
  }

  #clientOptions(account: BareJid, life: Life, disk: MemoryDisk): ClientOptions {
    return { account, password: "secret", service: "wss://verona.example/ws", store: life.store(memoryStore(disk)), ...this.options };
  }

  /** The way to the server, for one life of a client of `jid`. */
  network(jid: BareJid, life: Life): { readonly connector: Connector } {
    return { connector: async (options) => {
      const wire = new Wire({ scheduler: this.scheduler, random: () => 0, life, features: this.server.features, onLeaving: () => undefined });
      if (jid === romeo) this.#wires.add(wire);
      this.server.accept(jid, wire);
      return establishSession(wire, options);
    } };
  }
}

/** A world for the test that runs; it ends with it. */
export function testWorld(options?: Partial<ClientOptions>): FacadeWorld {
  const world = new FacadeWorld(options);
  onTestFinished(() => world.end());
  return world;
}

/** Resolves when `is` says so, asked after each change of `source`. */
export function when(source: { subscribe(listener: () => void): () => void }, is: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!is()) return;
      stop();
      resolve();
    };
    const stop = source.subscribe(look);
    look();
  });
}

/** Resolves once everything has gone on that needs no time. */
export function calm(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    let turns = 0;
    port1.onmessage = () => {
      if (++turns < 10) port2.postMessage(turns);
      else {
        port1.close();
        resolve();
      }
    };
    port2.postMessage(turns);
  });
}
