/**
 * A world: one server, some people, one time. Worlds are made of a prepared one by copying, so that a run costs little.
 * @module
 */
import { fromBase64 } from "../../src/base/base64.js";
import { type BareJid, bareJid } from "../../src/base/jid.js";
import { childElements, findChild, textOf, type XmlElement } from "../../src/base/xml.js";
import { storeKey } from "../../src/session/ports.js";
import { type MemoryDisk, memoryDisk } from "../../src/storage/memory.js";
import { omemo2Namespace } from "../../src/transport/xep/namespaces.js";
import { copyDisk, Person } from "./person.js";
import { Recorder } from "./recorder.js";
import { type Random, Scheduler, seededRandom, settled } from "./scheduler.js";
import { Server, type ServerOptions } from "./server.js";

export const domain = "simulated.example";
export const romeo: BareJid = bareJid(`romeo@${domain}`);
export const juliet: BareJid = bareJid(`juliet@${domain}`);

export const usualServer: ServerOptions = { domain, resumeSeconds: 120, tellsHandled: true, managed: true, archived: true };

/** Virtual milliseconds without anything that could still matter: longer than any acknowledgement is put off. */
const quietMs = 2_500;
/** Virtual milliseconds, and events, after which a world that does not come to rest is wrong. */
const patienceMs = 60 * 60_000;
const eventsMax = 20_000;

/** What a world is copied from. */
export interface Snapshot {
  readonly now: number;
  readonly server: Server;
  readonly disks: ReadonlyMap<BareJid, MemoryDisk>;
  readonly published: ReadonlyMap<string, string>;
}

/** A world. */
export class World {
  readonly seed: number;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly server: Server;
  readonly recorder = new Recorder();
  readonly people: readonly Person[];
  /** Somebody has looked at messages. */
  displaying = false;
  /** Events so far. */
  steps = 0;
  /** One-time and signed prekeys that were ever published: the key by owner, device and id. */
  readonly #published: Map<string, string>;
  readonly #wrongs: string[] = [];

  constructor(seed: number, options: ServerOptions, from?: Snapshot) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.scheduler = new Scheduler(from?.now);
    this.server = new Server(this.scheduler, options, from?.server);
    this.#published = new Map(from?.published ?? []);
    this.people = [romeo, juliet].map((jid, i) => {
      const disk = from?.disks.get(jid);
      if (from === undefined) this.server.register(jid);
      return new Person(this, i, jid, disk === undefined ? memoryDisk() : copyDisk(disk));
    });
    this.server.onPublished = (owner, node, item) => { if (node === `${omemo2Namespace}:bundles`) this.#lookAtBundle(owner, item); };
  }

  get romeo(): Person {
    return this.people[0] as Person;
  }

  get juliet(): Person {
    return this.people[1] as Person;
  }

  person(jid: BareJid): Person | undefined {
    return this.people.find((person) => person.jid === jid);
  }

  /** Everything that must not have happened, and did. */
  get wrongs(): readonly string[] {
    return [...this.#wrongs, ...this.server.breaches, ...this.people.flatMap(({ wrongs }) => wrongs),
      ...(this.recorder.reused > 0 ? [`${String(this.recorder.reused)} keys encrypted two plaintexts`] : [])];
  }

  /** Lets the world go on until `over`, or until nothing is left to happen. */
  async until(over: () => boolean, limitMs = patienceMs): Promise<boolean> {
    const end = this.scheduler.now + limitMs;
    const last = this.steps + eventsMax;
    for (;;) {
      await settled();
      if (over()) return true;
      if (this.scheduler.now > end || ++this.steps > last || !(await this.scheduler.step())) return false;
    }
  }

  /** Lets the world come to rest. What does not is wrong. */
  async rest(): Promise<void> {
    const quiet = (): boolean => (this.scheduler.untilNext ?? Number.POSITIVE_INFINITY) > quietMs && this.people.every((person) => person.atRest);
    if (await this.until(quiet)) return;
    const standing = this.people.map(({ jid, dead, client, wire, disk }) => {
      const waiting = [...disk.rows.keys()].filter((key) => key.startsWith("client/outbox/")).length;
      return `${jid}: ${dead ? "dead" : JSON.stringify(client?.status.getSnapshot())}, ${String(waiting)} in the outbox, wire ${wire?.isQuiet === true ? "quiet" : "busy"}`;
    });
    this.#wrongs.push(`the world does not come to rest (${standing.join("; ")})`);
  }

  /** Adds what a check has found. */
  async note(check: () => Promise<readonly string[]>): Promise<void> {
    if (this.wrongs.length === 0) this.#wrongs.push(...await check());
  }

  /** Ends all processes, so that nothing is left behind. */
  end(): void {
    for (const { life } of this.people) life?.die();
  }

  snapshot(): Snapshot {
    return {
      now: this.scheduler.now,
      server: new Server(this.scheduler, this.server.options, this.server),
      disks: new Map(this.people.map(({ jid, disk }) => [jid, copyDisk(disk)])),
      published: new Map(this.#published),
    };
  }

  /** What is published is durable already, and an id means one key for ever (threats D01, R23). */
  #lookAtBundle(owner: BareJid, item: XmlElement): void {
    const device = item.attrs["id"] ?? "";
    const bundle = childElements(item)[0];
    const disk = this.person(owner)?.disk;
    if (bundle === undefined || disk === undefined) return;
    const one = (kind: string, element: XmlElement): void => {
      const name = `${owner}/${device}/${kind}/${element.attrs["id"] ?? ""}`;
      const key = textOf(element);
      const known = this.#published.get(name);
      if (known !== undefined && known !== key) this.#wrongs.push(`${name} was published with two keys`);
      this.#published.set(name, key);
      if (fromBase64(key)?.length !== 32) this.#wrongs.push(`${name} is no key`);
    };
    for (const element of childElements(bundle)) if (element.name === "spk") one("signed", element);
    const preKeys = findChild(bundle, bundle.ns, "prekeys");
    for (const element of preKeys === undefined ? [] : childElements(preKeys)) {
      one("one-time", element);
      const id = (element.attrs["id"] ?? "").padStart(10, "0");
      if (!disk.rows.has(storeKey(`omemo/2/prekey/${id}`))) this.#wrongs.push(`prekey ${id} was published before it was stored`);
    }
  }
}
