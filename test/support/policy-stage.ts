/** Observers of one account's presence on a real server: raw connections that record all that they are shown, over the whole run. @module */
import { expect } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid, type BareJid, parseJid, toBare } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { findChild, isElement, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { isWithin, type Level, levels } from "../../src/client/presence-policy/levels.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { decodeIdle } from "../../src/transport/xep/xep0319.js";
import { services, type PrivateServer } from "./servers.js";

const client = "jabber:client";
export const secret = "pencil";

/** A login without any of the client: nothing happens that is not asked for. */
export async function dial(server: PrivateServer, account: BareJid, resource: string): Promise<{ readonly stream: Stream; readonly iq: IqClient }> {
  const stream = await connect({
    account, resource, service: services(server).directTls, password: () => secret, tls: { ca: server.caPem }, clock: systemClock, rng: systemRng(),
  }, sockets);
  return { stream, iq: new IqClient(stream, { rng: systemRng(), clock: systemClock }) };
}

const ping = (iq: IqClient): Promise<unknown> => iq.request({ type: "get", payload: xml("urn:xmpp:ping", "ping") }).catch(() => undefined);

/** Puts both into each other's rosters; `mutual` false: only `contact` sees `user`. */
export async function befriend(server: PrivateServer, user: BareJid, contact: BareJid, groups: readonly string[], mutual = true): Promise<void> {
  const [ours, theirs] = [await dial(server, user, "setup"), await dial(server, contact, "setup")];
  for (const { stream } of [ours, theirs]) await stream.send(xml(client, "presence"));
  const item = xml("jabber:iq:roster", "item", { jid: contact }, ...groups.map((group) => xml("jabber:iq:roster", "group", {}, group)));
  await ours.iq.request({ type: "set", payload: xml("jabber:iq:roster", "query", {}, item) });
  const say = async ({ stream, iq }: typeof ours, to: BareJid, type: string, other: typeof ours): Promise<void> => {
    await stream.send(xml(client, "presence", { to, type }));
    await ping(iq);
    await ping(other.iq);
  };
  await say(theirs, user, "subscribe", ours);
  await say(ours, contact, "subscribed", theirs);
  if (mutual) {
    await say(ours, contact, "subscribe", theirs);
    await say(theirs, user, "subscribed", ours);
  }
  await ours.stream.close();
  await theirs.stream.close();
}

/** One presence that an observer was shown. */
export interface Sight {
  readonly level: Level;
  readonly status: string;
  readonly idleSince?: number;
  readonly resource: string;
}

/** What may go with a level, and with no other. */
export type Words = Omit<Sight, "resource">;

/** What an observer may see at most; a level alone: without any text, and without a word of how long nobody was there. */
export type Limit = Level | { readonly level: Level; readonly words: readonly Words[] };

const levelOf = (limit: Limit): Level => (typeof limit === "string" ? limit : limit.level);

/** What an observer looks at: also what goes with a level, or the level alone. */
export type Look = "words" | "level";

function allows(limit: Limit, { level, status, idleSince }: Sight, look: Look): boolean {
  if (!isWithin(level, levelOf(limit))) return false;
  if (look === "level" || (status === "" && idleSince === undefined)) return true;
  return typeof limit !== "string" && limit.words.some((words) => words.level === level && words.status === status && words.idleSince === idleSince);
}

/** Somebody who looks at one account. */
export class Observer {
  readonly account: BareJid;
  /** Everything he was ever shown, in order, over all his logins. */
  readonly seen: Sight[] = [];
  /** What was more than he was allowed to see at the time. */
  readonly leaks: Sight[] = [];
  readonly #server: PrivateServer;
  readonly #target: BareJid;
  readonly #look: Look;
  readonly #now = new Map<string, Sight>();
  #stream: { readonly stream: Stream; readonly iq: IqClient } | undefined;
  /** Before the first limit: nothing. */
  #limit: Limit = "offline";

  constructor(server: PrivateServer, account: string, target: BareJid, look: Look = "level") {
    this.#server = server;
    this.#look = look;
    this.account = bareJid(account);
    this.#target = target;
  }

  async logIn(): Promise<void> {
    const login = await dial(this.#server, this.account, "eyes");
    this.#stream = login;
    login.stream.onStanza((stanza) => { this.#take(stanza); });
    await login.stream.send(xml(client, "presence"));
    await ping(login.iq);
  }

  async logOut(): Promise<void> {
    await this.#stream?.stream.close();
    this.#stream = undefined;
    this.#now.clear();
  }

  /** From now on at most this is allowed; what the server had sent before has been recorded. */
  async limit(limit: Limit): Promise<void> {
    if (this.#stream !== undefined) await ping(this.#stream.iq);
    this.#limit = limit;
    for (const sight of this.#now.values()) if (!allows(limit, sight, this.#look)) this.leaks.push(sight);
  }

  /** What he sees now: the most of all resources. */
  get level(): Level {
    return [...this.#now.values()].reduce<Level>((most, { level }) => (isWithin(most, level) ? level : most), "offline");
  }

  get statuses(): readonly string[] {
    return [...this.#now.values()].map(({ status }) => status);
  }

  /** Resolves when he sees `level`, and nothing else. */
  async sees(level: Level): Promise<void> {
    for (let i = 0; i < 100; i++) {
      if (this.#stream !== undefined) await ping(this.#stream.iq);
      if (this.level === level) return;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    throw new TypeError(`${this.account} sees ${this.level} and should see ${level}; seen: ${this.seen.map((sight) => sight.level).join()}`);
  }

  #take(stanza: XmlElement): void {
    if (!isElement(stanza, client, "presence")) return;
    const from = parseJid(stanza.attrs["from"] ?? "");
    if (from === undefined || toBare(from) !== this.#target) return;
    const { type } = stanza.attrs;
    if (type === "unavailable") {
      if (from === this.#target) this.#now.clear();
      else this.#now.delete(from);
      this.seen.push({ level: "offline", status: "", resource: from });
      return;
    }
    if (type !== undefined) return;
    const show = findChild(stanza, client, "show");
    const status = findChild(stanza, client, "status");
    const text = show === undefined ? "available" : textOf(show);
    const level = text === "dnd" ? "busy" : levels.find((each) => each === text) ?? "available";
    const idleSince = decodeIdle(stanza);
    const sight: Sight = { level, status: status === undefined ? "" : textOf(status), resource: from, ...(idleSince === undefined ? {} : { idleSince }) };
    this.#now.set(from, sight);
    this.seen.push(sight);
    if (!allows(this.#limit, sight, this.#look)) this.leaks.push(sight);
  }
}

/** Everybody who watches, by name. Whoever is not named in `levels` is to see nothing. */
export class Observers extends Map<string, Observer> {
  /** From now on nobody may see more than this. */
  readonly limits = async (limits: Readonly<Record<string, Limit>>): Promise<void> => {
    for (const [name, observer] of this) await observer.limit(limits[name] ?? "offline");
  };

  /** Resolves when everybody sees exactly this. */
  readonly all = async (levels: Readonly<Record<string, Level>>): Promise<void> => {
    for (const [name, observer] of this) await observer.sees(levels[name] ?? "offline");
  };

  readonly nobodyLeaked = (): void => {
    for (const [name, { leaks }] of this) expect(leaks, name).toEqual([]);
  };
}
