/**
 * One account with one device in a simulated world: its disk, its incarnations, and what they told the application.
 * Every state is compared with the truth in the moment in which it is told.
 * @module
 */
import { utf8Decode } from "../../src/base/bytes.js";
import type { BareJid } from "../../src/base/jid.js";
import type { SottoClient } from "../../src/client/client.js";
import { createClientWith } from "../../src/client/create-client.js";
import type { Message } from "../../src/client/message.js";
import type { SendHandle, SendState } from "../../src/client/outbox/send-handle.js";
import { defaultProvider } from "../../src/crypto/default-provider-node.js";
import { type MemoryDisk, memoryStore } from "../../src/storage/memory.js";
import { establishSession } from "../../src/transport/stream/establish.js";
import type { Fault } from "./life.js";
import { Life } from "./life.js";
import { seededRng } from "./scheduler.js";
import { Wire } from "./wire.js";
import type { World } from "./world.js";

/** A message that the application handed in. */
export interface Intent {
  readonly to: BareJid;
  readonly text: string;
  /** The states that were told, in order. */
  readonly told: SendState[];
  id: string | undefined;
  error: string | undefined;
  /** The application was told that it took the message back in time. */
  cancelled: boolean;
  /** Takes the message back, if it is not too late. */
  readonly cancel: () => void;
}

const rowsWith = (disk: MemoryDisk, prefix: string, part: string): string[] => {
  const found: string[] = [];
  const needle = Buffer.from(part);
  for (const [key, value] of disk.rows) {
    if (key.startsWith(prefix) && Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes(needle)) found.push(utf8Decode(value) ?? "");
  }
  return found;
};

/** A person and its device. */
export class Person {
  readonly jid: BareJid;
  readonly intents: Intent[] = [];
  /** Lies, and other things that must not happen. */
  readonly wrongs: string[] = [];
  /** Codes of the errors that were told as events. */
  readonly errors: string[] = [];
  readonly events: string[] = [];
  disk: MemoryDisk;
  client: SottoClient | undefined;
  life: Life | undefined;
  wire: Wire | undefined;
  readonly #world: World;
  readonly #number: number;
  #incarnations = 0;

  constructor(world: World, number: number, jid: BareJid, disk: MemoryDisk) {
    this.#world = world;
    this.#number = number;
    this.jid = jid;
    this.disk = disk;
  }

  get dead(): boolean {
    return this.life?.dead ?? true;
  }

  /** The process has ended, or has given up: its application starts it again. */
  get down(): boolean {
    return this.dead || this.client?.status.getSnapshot().kind === "stopped";
  }

  /** Nothing of this person is under way, as far as can be told from here. */
  get atRest(): boolean {
    if (this.dead) return true;
    const { client, wire } = this;
    if (client === undefined || wire?.isQuiet === false) return false;
    const { kind } = client.status.getSnapshot();
    if (kind === "offline" || kind === "stopped") return true;
    return kind === "online" && !this.hasRow("client/outbox/");
  }

  hasRow(prefix: string): boolean {
    for (const key of this.disk.rows.keys()) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** A new process on the same disk. */
  start(fault?: Fault, autoConnect = true): void {
    const life = new Life(fault);
    const { scheduler, random, server, recorder, seed } = this.#world;
    this.#incarnations += 1;
    this.life = life;
    this.client = undefined;
    life.onDeath = () => { this.wire?.orphan(); };
    createClientWith({
      account: this.jid, password: "unused", service: "xmpps://simulated.example", autoConnect,
      store: life.store(memoryStore(this.disk)), clock: life.clock(scheduler.clock),
      rng: seededRng(seed * 1_009 + this.#number * 101 + this.#incarnations), provider: recorder.provider(defaultProvider),
    }, { connector: async (options) => {
      const wire = new Wire({ scheduler, random, life, features: server.features, onLeaving: (element) => { recorder.leaving(element); } });
      this.wire = wire;
      server.accept(this.jid, wire);
      return establishSession(wire, options);
    } }).then((client) => {
      if (life.dead) return;
      this.client = client;
      client.onEvent((event) => {
        this.events.push(event.kind);
        if (event.kind === "error") this.errors.push(event.error.code);
      });
    }, (error: unknown) => {
      this.errors.push(String((error as { code?: string }).code));
      life.die(); // the application ends where it cannot open its store
    });
  }

  /** Hands a message in, as an application does; nothing if there is no application any more. */
  send(to: BareJid, text: string): SendHandle | undefined {
    if (this.dead || this.client === undefined) return undefined;
    const handle = this.client.conversation(to).send({ text });
    this.follow(handle, text);
    return handle;
  }

  /** Watches what is told of a message. */
  follow(handle: SendHandle, text: string): Intent {
    const { life } = this;
    const intent: Intent = {
      to: handle.to, text, told: [], id: handle.id, error: undefined, cancelled: false,
      cancel: () => { handle.cancel().then((cancelled) => { intent.cancelled = cancelled; }, () => undefined); },
    };
    this.intents.push(intent);
    const look = (): void => {
      const { state, error } = handle.getSnapshot();
      if (life?.dead === true || intent.told.at(-1) === state) return;
      intent.told.push(state);
      intent.error = error?.code;
      this.#compare(intent, handle.id, state);
    };
    handle.subscribe(look);
    look();
    return intent;
  }

  /** Whether this disk's log has a message with this text. */
  hasLogged(text: string): boolean {
    return rowsWith(this.disk, "client/log/", text).length > 0;
  }

  /** The whole log, oldest first. */
  async log(): Promise<readonly Message[]> {
    const all: Message[] = [];
    for (let after = 0; ;) {
      const page = await (this.client as SottoClient).history({ after, limit: 200 });
      all.push(...page);
      const last = page.at(-1);
      if (last === undefined) return all;
      after = last.position;
    }
  }

  #compare(intent: Intent, id: string, state: SendState): void {
    const { world, lie } = { world: this.#world, lie: (why: string) => { this.wrongs.push(`${intent.text} was told to be ${state}: ${why}`); } };
    if (state === "stored" && !this.hasLogged(intent.text)) lie("it is not on the disk");
    if (state === "sealed" && rowsWith(this.disk, "client/outbox/", id).some((row) => !row.includes('"sealed"'))) lie("it is not sealed on the disk");
    if (state === "sent" && !world.server.handled.has(id)) lie("the server has never seen it");
    if (state === "delivered" && world.person(intent.to)?.hasLogged(intent.text) !== true) lie("the addressee does not have it");
    if (state === "displayed" && !world.displaying) lie("nobody has displayed anything");
  }
}

export const copyDisk = (disk: MemoryDisk): MemoryDisk => ({ ...disk, rows: new Map(disk.rows) });

