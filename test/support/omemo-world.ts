/**
 * Accounts and devices in memory: a directory that is a Map, a clock that stands still until it is told, one store per
 * device. Messages travel by hand, so a test decides what is lost, doubled, altered or late.
 * @module
 */
import type { Clock } from "../../src/base/clock.js";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { textOf, xml, type XmlElement } from "../../src/base/xml.js";
import type { EncryptedMessage } from "../../src/session/encrypted-message.js";
import { Ledger } from "../../src/session/ledger.js";
import { Omemo, type OmemoOptions } from "../../src/session/omemo.js";
import type { OpenInput } from "../../src/session/open.js";
import type { OmemoEvent, OpenOutcome, SealOutcome } from "../../src/session/outcome.js";
import type { DeviceAddress, DeviceDirectory, DeviceId, DirectoryAnswer, ListedDevice, Store, WireBundle } from "../../src/session/ports.js";
import { blindTrustBeforeVerification } from "../../src/session/trust/blind-trust.js";
import type { TrustPolicy } from "../../src/session/trust/policy.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import { sceEnvelopeCodec } from "../../src/transport/xep/xep0420.js";
import { defaultProvider } from "#provider"; // what applications run with: native curves, in Chromium asynchronous ones

export const romeo: BareJid = bareJid("romeo@example.org");
export const juliet: BareJid = bareJid("juliet@example.org");
export const mercutio: BareJid = bareJid("mercutio@example.org");

/** Time that stands still. */
export class FakeClock implements Clock {
  time: number = Date.UTC(2026, 0, 2, 3, 4, 5);
  now(): number { return this.time; }
  monotonic(): number { return this.time; }
  schedule(): () => void { return () => undefined; }
}

/** What the servers of all accounts hold. */
export class MemoryServer {
  readonly lists = new Map<BareJid, readonly ListedDevice[]>();
  readonly bundles = new Map<string, WireBundle>();
  /** Every request, in order. */
  readonly log: string[] = [];
  /** Set to make every request fail. */
  offline = false;

  directoryOf(account: BareJid): DeviceDirectory {
    const answer = <T>(value: T | undefined): DirectoryAnswer<T> =>
      this.offline ? { kind: "unavailable", retryable: true } : value === undefined ? { kind: "none" } : { kind: "found", value };
    return {
      fetchDeviceList: async (jid) => { this.log.push(`list ${jid}`); return answer(this.lists.get(jid)); },
      fetchBundles: async (jid, ids) => {
        this.log.push(`bundles ${jid} ${ids.length}`);
        return ids.map((id) => answer(this.bundles.get(`${jid} ${id}`)));
      },
      publishDeviceList: async (devices) => { this.log.push(`publish list ${account}`); this.lists.set(account, devices); },
      publishBundle: async (id, bundle) => { this.log.push(`publish bundle ${account}`); this.bundles.set(`${account} ${id}`, bundle); },
    };
  }
}

/** One device with its store. */
export class TestDevice {
  readonly events: OmemoEvent[] = [];
  readonly jid: BareJid;
  readonly disk: MemoryDisk;
  readonly omemo: Omemo;
  readonly ledger: Ledger;
  readonly store: Store;

  constructor(jid: BareJid, disk: MemoryDisk, store: Store, ledger: Ledger, omemo: Omemo) {
    this.jid = jid;
    this.disk = disk;
    this.store = store;
    this.ledger = ledger;
    this.omemo = omemo;
    omemo.events.subscribe((event) => { this.events.push(event); });
  }

  get address(): DeviceAddress { return this.omemo.self.address; }
  get id(): DeviceId { return this.address.deviceId; }

  /** Prepares and seals in one commit. */
  trySend(to: BareJid, text: string): Promise<SealOutcome> {
    return this.#seal(to, body(text));
  }

  /** The same where it must succeed. */
  send(to: BareJid, text: string): Promise<EncryptedMessage> {
    return this.sendContent(to, body(text));
  }

  async sendContent(to: BareJid, ...content: readonly XmlElement[]): Promise<EncryptedMessage> {
    const outcome = await this.#seal(to, ...content);
    if (outcome.kind !== "sealed") throw new RangeError(`not sealed: ${outcome.kind}`);
    return outcome.message;
  }

  async #seal(to: BareJid, ...content: readonly XmlElement[]): Promise<SealOutcome> {
    const plan = await this.omemo.prepare([to]);
    return this.ledger.run((tx) => this.omemo.seal(tx, plan, content, { to }));
  }

  open(sender: BareJid, message: EncryptedMessage, context: Partial<OpenInput["context"]> = {}): Promise<OpenOutcome> {
    return this.ledger.run((tx) => this.omemo.open(tx, { sender, message, context: { kind: "chat", ...context } }));
  }

  /** An empty message to one device, over its session or a fresh bundle. */
  async sendEmpty(to: DeviceAddress): Promise<EncryptedMessage> {
    const plan = await this.omemo.prepareDevice(to);
    const message = await this.ledger.run((tx) => this.omemo.sealEmpty(tx, to, plan));
    if (message === undefined) throw new RangeError("no way to that device");
    return message;
  }

  /** Everything in the store, to compare before and after. */
  snapshot(): string {
    return JSON.stringify([...this.disk.rows].map(([key, value]) => [key, [...value].join()]).sort());
  }
}

/** Server, clock and devices of one test. */
export class World {
  readonly clock: FakeClock = new FakeClock();
  readonly server: MemoryServer = new MemoryServer();

  /** A device whose bundle and list are published. */
  async device(jid: BareJid, options: { readonly trust?: TrustPolicy; readonly disk?: MemoryDisk; readonly announce?: boolean } & Partial<OmemoOptions> = {}): Promise<TestDevice> {
    const disk = options.disk ?? memoryDisk();
    const store = memoryStore(disk);
    const ledger = new Ledger(store, await store.acquire());
    const omemo = await Omemo.open({
      account: jid,
      ledger,
      provider: options.provider ?? defaultProvider,
      rng: systemRng(),
      clock: this.clock,
      directory: options.directory ?? this.server.directoryOf(jid),
      codec: options.codec ?? sceEnvelopeCodec,
      trust: options.trust ?? blindTrustBeforeVerification,
      ...(options.isContact === undefined ? {} : { isContact: options.isContact }),
    });
    const device = new TestDevice(jid, disk, store, ledger, omemo);
    if (options.announce !== false) await omemo.announce();
    return device;
  }
}

/** A body element. */
export function body(text: string): XmlElement {
  return xml("jabber:client", "body", {}, text);
}

/** The text that was decrypted, or what happened instead. */
export function textOfOutcome(outcome: OpenOutcome): string {
  if (outcome.kind === "content") return outcome.content.map(textOf).join("");
  return outcome.kind === "failed" ? `failed ${outcome.code}` : outcome.kind;
}

/** The key for one device. */
export function keyFor(message: EncryptedMessage, device: DeviceAddress): EncryptedMessage["keys"][number] {
  const key = message.keys.find((entry) => entry.jid === device.jid && entry.rid === device.deviceId);
  if (key === undefined) throw new RangeError("the message is not for that device");
  return key;
}

/** The message with other bytes for one device. */
export function withData(message: EncryptedMessage, device: DeviceAddress, data: Uint8Array): EncryptedMessage {
  return {
    ...message,
    keys: message.keys.map((key) => (key.jid === device.jid && key.rid === device.deviceId ? { ...key, data: new Uint8Array(data) } : key)),
  };
}

/** A pair with a confirmed session in both directions. */
export async function conversation(world: World): Promise<{ readonly a: TestDevice; readonly b: TestDevice }> {
  const a = await world.device(romeo);
  const b = await world.device(juliet);
  await b.open(romeo, await a.send(juliet, "first"));
  await a.open(juliet, await b.send(romeo, "second"));
  return { a, b };
}
