/** Hubs with hosts that only take notes, in the tabs of a {@link TabWorld}. @module */
import type { AnySottoError } from "../../src/client/errors.js";
import { tabNames } from "../../src/tabs/channels.js";
import type { FacadeFrame, HostFrame } from "../../src/tabs/frames.js";
import { Hub } from "../../src/tabs/hub.js";
import type { StoreCharge } from "../../src/tabs/leadership.js";
import type { Wishes } from "../../src/tabs/hub-messages.js";
import type { Host } from "../../src/tabs/link.js";
import type { Tab, TabWorld } from "./tab-world.js";

export const names = tabNames("romeo@verona.example", "default");

/** A host that answers each numbered frame with its number. */
export class NotedHost implements Host {
  readonly took: { readonly tab: string; readonly frame: FacadeFrame }[] = [];
  readonly left: string[] = [];
  readonly wishes: Wishes;
  closed = false;
  /** Its store ends. */
  readonly lose: StoreCharge["ended"];
  /** Whether its store may be taken over. */
  readonly holds: StoreCharge["holds"];
  /** What its end waits for. */
  goodbye: Promise<void> = Promise.resolve();
  readonly #out: (tab: string, frame: HostFrame) => void;

  constructor(wishes: Wishes, out: (tab: string, frame: HostFrame) => void, { ended, holds }: StoreCharge) {
    this.lose = ended;
    this.holds = holds;
    this.wishes = wishes;
    this.#out = out;
  }

  take(tab: string, frame: FacadeFrame): void {
    this.took.push({ tab, frame });
    if (frame.kind === "next") this.#out(tab, { kind: "started", id: frame.id, start: 0 });
  }

  leave(tab: string): void {
    this.left.push(tab);
  }

  async close(): Promise<void> {
    await this.goodbye;
    this.closed = true;
  }

  /** Numbers taken from `tab`, in order. */
  numbers(tab: string): number[] {
    return this.took.flatMap(({ tab: from, frame }) => (from === tab && frame.kind === "next" ? [frame.id] : []));
  }
}

/** A tab with a hub, and what its facade would hear. */
export class Member {
  readonly tab: Tab;
  readonly hub: Hub;
  readonly hosts: NotedHost[];
  readonly epochs: number[] = [];
  readonly answers: number[] = [];
  readonly ends: AnySottoError[] = [];

  constructor(tab: Tab, hub: Hub, hosts: NotedHost[]) {
    this.tab = tab;
    this.hub = hub;
    this.hosts = hosts;
    hub.onEpoch((epoch) => { this.epochs.push(epoch); });
    hub.onFrame((frame) => { if (frame.kind === "started") this.answers.push(frame.id); });
    hub.onEnd((error) => { this.ends.push(error); });
  }

  get host(): NotedHost {
    return this.hosts.at(-1) as NotedHost;
  }

  ask(...numbers: readonly number[]): void {
    for (const id of numbers) this.hub.send({ kind: "next", id });
  }
}

/** Opens a tab with a hub. @param opening runs before each host is there; a rejection is its failure */
export async function join(world: TabWorld, options: { readonly visible?: boolean; readonly opening?: () => Promise<void> } = {}): Promise<Member> {
  const tab = world.open(options);
  const hosts: NotedHost[] = [];
  const hub = await Hub.open({
    platform: tab.platform, names,
    openHost: async (wishes, out, lose) => {
      await options.opening?.();
      const host = new NotedHost(wishes, out, lose);
      hosts.push(host);
      return host;
    },
  });
  const member = new Member(tab, hub, hosts);
  await world.settle();
  return member;
}

/** The only one of them who leads, by the lock. */
export function leaderOf(world: TabWorld, members: readonly Member[]): Member {
  return members.find(({ tab }) => world.holder(names.account) === tab) as Member;
}
