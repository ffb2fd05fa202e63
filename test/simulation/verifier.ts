/**
 * The independent checker: compares the logs of both sides, the archives and what was told, once a world has come to rest. It goes over
 * what is new since its last look.
 * Spec: threats Q01-Q04, Q14, Q16, Q17, F15.
 * @module
 */
import type { BareJid } from "../../src/base/jid.js";
import { childElements, textOf, type XmlElement } from "../../src/base/xml.js";
import type { DeliveryState, Message } from "../../src/client/message.js";
import type { Intent, Person } from "./person.js";
import { nameOf } from "./stanzas.js";
import type { World } from "./world.js";

const ranks: readonly string[] = ["accepted", "stored", "sealed", "sent", "delivered", "displayed"];

interface Cursor {
  position: number;
  archived: number;
  intents: number;
}

/** What a run wants of its messages. */
export interface Expectations {
  /** Both have written to each other before, so that receipts are due (threats V03). */
  readonly receipts: boolean;
}

/** Looks at one world again and again. */
export class Verifier {
  readonly #world: World;
  readonly #cursors = new Map<Person, Cursor>();

  /** `positions`: the last message in each log that is of no interest. */
  constructor(world: World, { positions }: { readonly positions: ReadonlyMap<BareJid, number> }) {
    this.#world = world;
    for (const person of world.people) {
      this.#cursors.set(person, { position: positions.get(person.jid) ?? 0, archived: world.server.accounts.get(person.jid)?.archive.length ?? 0, intents: 0 });
    }
  }

  /** What is wrong with what has happened since the last look. */
  async look({ receipts }: Expectations): Promise<readonly string[]> {
    const [one, other] = this.#world.people as [Person, Person];
    if (one.client === undefined || other.client === undefined) return ["a client is missing"];
    const logs = new Map([[one, await this.#news(one)], [other, await this.#news(other)]]);
    const wrongs: string[] = [];
    for (const [from, to] of [[one, other], [other, one]] as const) {
      wrongs.push(...compareLogs(from, logs.get(from) ?? [], logs.get(to) ?? [], receipts));
      wrongs.push(...this.#compareIntents(from, logs.get(from) ?? []));
      if (this.#world.server.options.archived) wrongs.push(...this.#compareArchives(from, to, logs.get(from) ?? []));
    }
    for (const person of [one, other]) this.#cursor(person).archived = this.#world.server.accounts.get(person.jid)?.archive.length ?? 0;
    return wrongs;
  }

  /** For a sender that has forgotten: everything that was ever told to be sent is with the other side, once and in order. */
  async lookAtRecipient(label: string): Promise<readonly string[]> {
    const [from, to] = this.#world.people as [Person, Person];
    await this.#news(from);
    const received = (await this.#news(to)).filter((message) => message.from === from.jid);
    const texts = received.filter(({ text }) => text.startsWith(`${label} `)).map(({ text }) => text);
    const due = from.intents.filter(({ told }) => told.includes("sent") || told.includes("delivered")).map(({ text }) => text);
    for (const person of [from, to]) {
      this.#cursor(person).archived = this.#world.server.accounts.get(person.jid)?.archive.length ?? 0;
      this.#cursor(person).intents = person.intents.length;
    }
    return [
      ...received.filter(({ unreadable }) => unreadable !== undefined).map(({ unreadable }) => `a message of ${from.jid} cannot be read: ${String(unreadable)}`),
      ...(new Set(texts).size === texts.length ? [] : [`the other side has [${texts.join(", ")}]`]),
      ...(due.every((text) => texts.includes(text)) ? [] : [`${from.jid} was told that [${due.join(", ")}] are sent, the other side has [${texts.join(", ")}]`]),
    ];
  }

  async #news(person: Person): Promise<readonly Message[]> {
    const cursor = this.#cursor(person);
    const all: Message[] = [];
    for (;;) {
      const page = await (person.client as NonNullable<Person["client"]>).history({ after: cursor.position, limit: 200 });
      all.push(...page);
      cursor.position = page.at(-1)?.position ?? cursor.position;
      if (page.length < 200) return all;
    }
  }

  #compareIntents(from: Person, own: readonly Message[]): string[] {
    const cursor = this.#cursor(from);
    const intents = from.intents.slice(cursor.intents);
    cursor.intents = from.intents.length;
    const sent = own.filter(({ delivery }) => delivery !== undefined);
    const wrongs = intents.flatMap((intent) => compareIntent(from, intent, sent.filter(({ text }) => text === intent.text)));
    // The order of the log is the order of send().
    const order = sent.map(({ text }) => intents.findIndex((intent) => intent.text === text)).filter((place) => place >= 0);
    if (order.some((place, i) => place < (order[i - 1] ?? -1))) wrongs.push(`${from.jid}: the own log has another order than send()`);
    return wrongs;
  }

  #compareArchives(from: Person, to: Person, own: readonly Message[]): string[] {
    const wrongs: string[] = [];
    for (const owner of [from, to]) {
      const archive = (this.#world.server.accounts.get(owner.jid)?.archive ?? []).slice(this.#cursor(owner).archived);
      const mine = archive.filter(({ message }) => (message.attrs["from"] ?? "").startsWith(`${from.jid}/`));
      const names = mine.map(({ message }) => nameOf(message) ?? "");
      const payloads = mine.flatMap(({ message }) => payloadOf(message));
      for (const [kind, values] of [["origin-id", names], ["payload", payloads]] as const) {
        if (new Set(values).size !== values.length) wrongs.push(`the archive of ${owner.jid} has a message of ${from.jid} twice, by ${kind}`);
      }
      for (const { id, text, delivery } of own) {
        if (delivery === undefined || delivery.state === "failed" || names.includes(id)) continue;
        wrongs.push(`the archive of ${owner.jid} does not have "${text}"`);
      }
    }
    return wrongs;
  }

  #cursor(person: Person): Cursor {
    return this.#cursors.get(person) as Cursor;
  }
}

function payloadOf(message: XmlElement): string[] {
  return childElements(message).flatMap((child) => (child.name === "payload" ? [textOf(child)] : child.name === "encrypted" ? payloadOf(child) : []));
}

/** No loss, no double, order, and states that fit. */
function compareLogs(from: Person, own: readonly Message[], others: readonly Message[], receipts: boolean): string[] {
  const wrongs: string[] = [];
  const sent = own.filter(({ delivery }) => delivery !== undefined);
  const received = others.filter((message) => message.from === from.jid && message.direction === "received");
  const arrived = sent.filter(({ delivery }) => delivery?.state !== "failed").map(({ text }) => text);
  const texts = received.map(({ text }) => text);
  for (const message of received) if (message.unreadable !== undefined) wrongs.push(`a message of ${from.jid} cannot be read: ${message.unreadable}`);
  if (arrived.join("\n") !== texts.join("\n")) {
    wrongs.push(`${from.jid} sent [${arrived.join(", ")}], the other side has [${texts.join(", ")}]`);
  }
  for (const { text, delivery } of sent) {
    const state = delivery?.state ?? "stored";
    const fits: readonly DeliveryState[] = receipts ? ["delivered", "displayed", "failed"] : ["sent", "delivered", "displayed", "failed"];
    if (!fits.includes(state)) wrongs.push(`${from.jid}: "${text}" is still ${state}`);
    if (state === "failed" && delivery?.error?.code !== "ERR_MESSAGE_CANCELLED") wrongs.push(`${from.jid}: "${text}" failed: ${String(delivery?.error?.code)}`);
  }
  return wrongs;
}

/** What was told to the application in any of its lives still holds. */
function compareIntent(from: Person, { text, told, error, cancelled }: Intent, entries: readonly Message[]): string[] {
  const wrongs: string[] = [];
  const [entry] = entries;
  if (entries.length > 1) wrongs.push(`${from.jid}: "${text}" is in the own log ${String(entries.length)} times`);
  if (told.includes("stored") && entry === undefined) wrongs.push(`${from.jid}: "${text}" was stored, and is lost`);
  const state = entry?.delivery?.state;
  if (cancelled && state !== "failed") wrongs.push(`${from.jid}: "${text}" was taken back, and is ${String(state)}`);
  const furthest = Math.max(...told.map((name) => ranks.indexOf(name)));
  if (entry !== undefined && state !== "failed" && ranks.indexOf(state ?? "") < furthest) wrongs.push(`${from.jid}: "${text}" was told to be further than ${String(state)}`);
  if (told.at(-1) === "failed" && entry !== undefined && state !== "failed") wrongs.push(`${from.jid}: "${text}" was told to have failed (${String(error)}), and is ${String(state)}`);
  return wrongs;
}
