/** What is said in a campaign: any tab sends, the correspondent writes and reads, all the while. Not here: what is wrong about it (verdict.ts). @module */
import { Chance } from "../faults/chance.js";
import type { ShownMessage } from "./page.js";
import type { AppTab, TabStage } from "./tab-stage.js";

/** Milliseconds for everything to come to rest at the end. */
export const restMsMax = 90_000;

export const delay = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** `work`, or `otherwise` if it fails or takes too long. */
export async function within<T, E>(ms: number, work: Promise<T>, otherwise: E): Promise<T | E> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<E>((resolve) => { timer = setTimeout(() => { resolve(otherwise); }, ms); });
  try {
    return await Promise.race([work.catch(() => otherwise), late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Talk {
  readonly #stage: TabStage;
  readonly #usable: () => readonly AppTab[];
  // One each, so that none depends on how fast the other is.
  readonly #sendChance: Chance;
  readonly #writeChance: Chance;
  /** Texts that tabs were asked to send, and those that a tab has reported as stored. */
  readonly asked = new Set<string>();
  readonly stored = new Set<string>();
  /** What the correspondent has written, has read, and why it could not. */
  readonly written = new Set<string>();
  readonly arrived: string[] = [];
  readonly unreadable: string[] = [];
  #busy: Promise<unknown> = Promise.resolve();
  #over = false;

  /** @param usable tabs that can be asked to send */
  constructor(stage: TabStage, usable: () => readonly AppTab[], seed: number) {
    this.#stage = stage;
    this.#usable = usable;
    this.#sendChance = new Chance(seed + 1);
    this.#writeChance = new Chance(seed + 2);
  }

  start(): void {
    void this.#read();
    this.#busy = Promise.all([this.#send(), this.#write()]);
  }

  /** Nothing more is sent or written; what is under way is told, or has taken too long. */
  async stop(): Promise<void> {
    this.#over = true;
    await this.#busy;
  }

  /** Whether everything that was stored has arrived, and every tab shows the same, with everything in it that was written. */
  isAtRest(shown: readonly (readonly ShownMessage[] | undefined)[]): boolean {
    const arrived = new Set(this.arrived);
    return [...this.stored].every((text) => arrived.has(text)) && shown.every((messages) => this.#isSettled(messages, arrived))
      && new Set(shown.map((messages) => JSON.stringify(messages))).size === 1;
  }

  /** Whether a tab shows everything that was written to it, and nothing of its own that has yet to go or to arrive. */
  #isSettled(messages: readonly ShownMessage[] | undefined, arrived: ReadonlySet<string>): boolean {
    const texts = new Set(messages?.map(({ text }) => text));
    return [...this.written].every((text) => texts.has(text))
      && messages?.every(({ text, state }) => state === undefined || (state !== "stored" && state !== "sealed" && arrived.has(text))) === true;
  }

  async #send(): Promise<void> {
    const under: Promise<void>[] = [];
    for (let n = 1; !this.#over; n++) {
      const text = `romeo ${n.toString()}`;
      this.asked.add(text);
      const usable = this.#usable();
      if (usable.length > 0) under.push(this.#sendChance.one(usable).call("send", text).then(() => { this.stored.add(text); }, () => undefined)); // the tab is gone: nobody knows
      await delay(this.#sendChance.between(100, 400));
    }
    await within(restMsMax, Promise.all(under).then(() => true), false);
  }

  async #write(): Promise<void> {
    const conversation = this.#stage.peer.conversation(this.#stage.account);
    for (let n = 1; !this.#over; n++) {
      const text = `juliet ${n.toString()}`;
      await conversation.send({ text }).reached("stored");
      this.written.add(text);
      await delay(this.#writeChance.between(150, 550));
    }
  }

  async #read(): Promise<void> {
    for await (const message of this.#stage.peer.messages({ after: 0 })) {
      if (message.unreadable === undefined) this.arrived.push(message.text);
      else this.unreadable.push(message.unreadable);
    }
  }
}
