/** Tabs that come, freeze, thaw, go and lose their stores at random: in the end one of them leads, all are answered, and nothing is left behind. */
import { expect, test } from "vitest";
import { StorageError } from "../../../src/storage/errors.js";
import { Chance } from "../../faults/chance.js";
import { join, type Member, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";

const blocked = (): StorageError => new StorageError("ERR_STORE_UNAVAILABLE", "planned", { retryable: true });
const evicted = (): StorageError => new StorageError("ERR_STORE_UNAVAILABLE", "planned", { details: { reason: "evicted" } });

/** One origin and what happens to it. */
class Walk {
  readonly world = new TabWorld();
  readonly #chance: Chance;
  readonly #members: Member[] = [];
  readonly #closing: Promise<void>[] = [];
  /** Tabs that are closed or dead. */
  readonly #left = new Set<Member>();
  /** Stores that are being opened and take their time. */
  readonly #slow: (() => void)[] = [];
  #losses = 0;
  #asked = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
  }

  async run(): Promise<void> {
    await this.#open();
    for (let steps = this.#chance.between(20, 80); steps > 0; steps--) {
      await this.#step();
      if (this.#happens(60)) await this.world.settle();
    }
    await this.#calm();
  }

  /** What is not as it should be. */
  async judge(): Promise<readonly string[]> {
    const { world } = this;
    const wrong: string[] = [];
    const living = this.#living;
    for (const member of living) member.ask(++this.#asked); // what was lost on the way before is noticed with it
    await this.#pass(5_000);
    const asked = living.map((member) => {
      member.ask(++this.#asked);
      return { member, id: this.#asked };
    });
    await this.#pass(5_000);
    for (const { member, id } of asked) if (!member.answers.includes(id)) wrong.push("a tab is not answered");
    if (this.#members.some(({ ends }) => ends.length > 0)) wrong.push("a tab has ended");
    if (!living.some(({ tab }) => tab === world.holder(names.account))) wrong.push("nobody leads");
    const hosts = this.#members.filter(({ tab }) => !tab.isDead).flatMap((member) => member.hosts.filter(({ closed }) => !closed));
    if (hosts.length !== 1) wrong.push(`${hosts.length.toString()} hosts are open`);
    for (const { hub } of living) hub.waiting(false);
    await world.advance(2_000);
    if (world.timers > 0) wrong.push("timers are left");
    for (const { tab } of living) tab.show(false); // nobody looks any more: the queue for the lock alone decides
    for (const rest = new Set(living); rest.size > 0;) {
      const leader = [...rest].find(({ tab }) => tab === world.holder(names.account));
      if (leader === undefined) wrong.push("nobody leads whom nobody looks at");
      for (const each of leader === undefined ? rest : [leader]) {
        rest.delete(each);
        this.#closing.push(each.hub.close());
      }
      await this.#pass(500);
    }
    await Promise.all(this.#closing);
    if (this.#members.some(({ tab }) => !tab.isDead && world.channelsOf(tab).length > 0)) wrong.push("channels are left");
    if (world.holder(names.account) !== undefined) wrong.push("the lock is held by nobody's tab");
    return wrong;
  }

  get #living(): readonly Member[] {
    return this.#members.filter((member) => !this.#left.has(member));
  }

  #happens(percent: number): boolean {
    return this.#chance.between(1, 100) <= percent;
  }

  async #open(): Promise<void> {
    const opening = async (): Promise<void> => {
      if (this.#happens(15)) throw blocked();
      if (this.#happens(20)) await new Promise<void>((resolve) => { this.#slow.push(resolve); });
      if (this.#happens(10)) throw blocked();
    };
    this.#members.push(await join(this.world, { visible: this.#happens(70), opening }));
  }

  async #step(): Promise<void> {
    const { world } = this;
    const one = this.#living[this.#chance.between(1, this.#living.length) - 1];
    if (one === undefined) return;
    const isLast = this.#living.length === 1;
    const leader = this.#living.find(({ tab, hosts }) => tab === world.holder(names.account) && hosts.at(-1)?.closed === false);
    switch (this.#chance.between(1, 14)) {
      case 1: case 2: if (this.#living.length < 6) await this.#open(); return;
      case 3:
        if (isLast) return;
        this.#left.add(one);
        if (this.#happens(50)) one.tab.kill();
        else this.#closing.push(one.hub.close());
        return;
      case 4: case 5: one.tab.freeze(); return;
      case 6: case 7: if (one.tab.isFrozen) one.tab.thaw(); return;
      case 8: one.tab.show(this.#happens(70)); return;
      case 9: case 10:
        one.ask(++this.#asked);
        one.hub.waiting(this.#happens(80));
        return;
      case 11: if (this.#losses++ < 3) leader?.host.lose(evicted()); return;
      case 12: world.ring = this.#chance.between(0, 2) * 10; return;
      case 13: {
        const lost = this.#happens(50) ? 10 : 0;
        world.lose = () => this.#happens(lost);
        return;
      }
      default: await this.#pass(this.#chance.between(1, 1_500));
    }
  }

  /** Time, with stores that are slow no longer. */
  async #pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 500) {
      for (const open of this.#slow.splice(0)) open();
      await this.world.advance(Math.min(500, ms - at));
    }
  }

  /** Everybody runs and is seen, and nothing is lost any more. */
  async #calm(): Promise<void> {
    this.world.lose = () => false;
    for (const { tab } of this.#members) if (tab.isFrozen && !tab.isDead) tab.thaw();
    await this.#pass(20_000);
    for (const { tab } of this.#living) tab.show(true);
    for (const { hub } of this.#living) hub.waiting(true);
    await this.#pass(20_000);
  }
}

test("D07 D10 whatever befalls tabs, in the end one of them leads, all are answered, and nothing is left behind", async () => {
  const failures: { readonly seed: number; readonly wrong: readonly string[] }[] = [];
  for (let seed = 7_000; seed < 7_040; seed++) {
    const walk = new Walk(seed);
    await walk.run();
    const wrong = await walk.judge();
    if (wrong.length > 0) failures.push({ seed, wrong });
  }
  expect(failures).toEqual([]);
});
