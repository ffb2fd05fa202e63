/**
 * What a host does for one tab: its calls, its readers, the messages that it follows, its inbox. All of it ends with the tab.
 * Not here: which methods there are (host-calls.ts), messages on their way (served-follows.ts), the inbox (served-inbox.ts), states and events
 * (served-watches.ts).
 * @module
 */
import { parseBareJid } from "../base/jid.js";
import type { SottoClient } from "../client/client.js";
import { textContent } from "../client/draft.js";
import { asSottoError } from "../client/errors.js";
import type { Timeline } from "../client/log/timeline.js";
import type { Message } from "../client/message.js";
import type { FacadeFrame, HostFrame, Source } from "./frames.js";
import { fieldsOf, isMessageId, malformed, type Fields } from "./frame-fields.js";
import type { HostStates } from "./host-states.js";
import { dispatch } from "./host-calls.js";
import type { Said } from "./said.js";
import { ServedFollows } from "./served-follows.js";
import { ServedInbox } from "./served-inbox.js";
import { ServedWatches } from "./served-watches.js";
import { AskedTab, type TabPasswords } from "./tab-passwords.js";
import { pack, toWire } from "./wire.js";

/** What a tab needs of its host. */
export interface TabDeps {
  readonly name: string;
  /** Whether the user looks at it, as far as is known. */
  readonly active: boolean;
  readonly client: SottoClient;
  readonly states: HostStates;
  readonly send: (frame: HostFrame) => void;
  /** What has to outlive this leader. */
  readonly said: Said;
  readonly passwords: TabPasswords;
  /** The tab looks at the client, or does not any more. */
  readonly review: () => void;
  readonly leave: () => void;
}

/** How much a tab uses. */
export interface TabUse {
  readonly calls: number;
  readonly watches: number;
  readonly readers: number;
  readonly follows: number;
  readonly inboxes: number;
}

/** One tab. */
export class ServedTab {
  readonly inbox: ServedInbox;
  /** Its password function. */
  readonly asked: AskedTab;
  readonly d: TabDeps;
  readonly #calls = new Map<number, AbortController>();
  readonly #watches: ServedWatches;
  readonly #readers = new Map<number, Promise<AsyncIterator<unknown>>>();
  readonly #follows: ServedFollows;
  #active: boolean;
  #closed = false;

  constructor(deps: TabDeps) {
    this.d = deps;
    const { name, active, client, states, send } = deps;
    this.#active = active;
    this.#watches = new ServedWatches({ client, states, send, fail: (id, error) => { this.#fail(id, error); } });
    this.#follows = new ServedFollows(deps);
    this.asked = new AskedTab(name, send, client.core.options.clock);
    this.inbox = new ServedInbox(client, send, (handles) => { for (const each of handles) this.#follows.follow(each); });
  }

  /** False if the user does not look at it. */
  get active(): boolean {
    return this.#active;
  }

  get use(): TabUse {
    return { calls: this.#calls.size, watches: this.#watches.size, readers: this.#readers.size, follows: this.#follows.size, inboxes: this.inbox.isOpen ? 1 : 0 };
  }

  /** Takes a frame. @throws ClientError for what is none, to be told nobody: there is no number to answer under */
  take(frame: FacadeFrame): void {
    const fields = fieldsOf(frame);
    try {
      this.#handle(frame, fields);
    } catch (error) {
      const { id } = fields;
      if (typeof id !== "number") throw error;
      this.#fail(id, error);
    }
  }

  /** Frees everything. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#calls.values()) call.abort();
    this.#watches.close();
    for (const id of this.#readers.keys()) this.#return(id);
    for (const each of [this.#follows, this.asked, this.inbox]) each.close();
    this.#calls.clear();
  }

  setActive(active: boolean): void {
    this.#active = active;
    this.d.review();
  }

  /** The timeline that it watches under `id`, once it is open. */
  timeline(id: unknown): Promise<Timeline> | undefined {
    return this.#watches.timeline(id);
  }

  #handle(frame: FacadeFrame, fields: Fields): void {
    switch (frame.kind) {
      case "call": this.#call(frame.id, fields); return;
      case "abort": this.#calls.get(frame.id)?.abort(); return;
      case "watch": this.#watches.open(frame.id, fieldsOf(frame.source) as unknown as Source); return;
      case "unwatch": this.#watches.stop(frame.id); return;
      case "read": this.#read(frame.id, fieldsOf(frame.from)); return;
      case "next": this.#next(frame.id); return;
      case "return": this.#return(frame.id); return;
      case "send": this.#send(fields); return;
      case "follow": this.#follows.followAgain(frame.messages); return;
      case "unfollow": this.#follows.unfollow(frame.message); return;
      case "process": this.#process(frame.id, fieldsOf(frame.options)); return;
      case "handled": this.inbox.handled(fields); return;
      case "asked": this.asked.heard(fields); return;
      case "password": this.asked.take(fields); return;
      case "bye": this.d.leave(); return;
      default: throw malformed();
    }
  }

  #call(id: number, { on, method, args, signal }: Fields): void {
    if (typeof method !== "string" || !Array.isArray(args)) throw malformed();
    this.#run(id, (abort) => {
      const given = typeof signal === "number" && signal < args.length ? args.map((arg: unknown, i) => (i === signal ? { ...fieldsOf(arg), signal: abort } : arg)) : args;
      return dispatch(this, fieldsOf(on), method, given);
    });
  }

  #process(id: number, options: Fields): void {
    this.#run(id, (signal) => this.inbox.process(id, options, signal));
  }

  /** Runs what is answered once. */
  #run(id: number, work: (signal: AbortSignal) => Promise<unknown>): void {
    const abort = new AbortController();
    this.#calls.set(id, abort);
    void Promise.allSettled([work(abort.signal), ...this.#watches.opening]).then(([done]) => {
      this.#answer(id, () => (done.status === "fulfilled" ? { kind: "result", id, value: pack(done.value) } : { kind: "error", id, error: toWire(done.reason) }));
    });
  }

  #answer(id: number, frame: () => HostFrame): void {
    if (this.#closed) return;
    this.#calls.delete(id);
    this.d.states.flush();
    try {
      this.d.send(frame());
    } catch (error) {
      this.#fail(id, error); // a result that cannot be cloned
    }
  }

  #fail(id: number, error: unknown): void {
    if (!this.#closed) this.d.send({ kind: "error", id, error: toWire(error) });
  }

  #read(id: number, { of, after, resume, log }: Fields): void {
    const { client: { core, device: { fingerprint } }, send } = this.d;
    if (of === "inbox") {
      const opening = this.inbox.iterate();
      opening.catch(() => undefined); // told by `next`, which may be long in coming
      this.#readers.set(id, opening);
      return;
    }
    if (of !== "messages") throw malformed();
    const { start } = core.feed;
    // Of a store that is lost, and so is what lies behind the end: in this one everything is new. An identity is kept in one store, as long as that lasts.
    const known = (position: unknown): number | undefined =>
      typeof position !== "number" ? undefined : position > core.log.last || (log !== undefined && log !== fingerprint) ? 0 : position;
    const from = { after: known(after), resume: known(resume) };
    this.#readers.set(id, Promise.resolve(core.feed.read(from)));
    send({ kind: "started", id, start: from.after ?? from.resume ?? start, log: fingerprint });
  }

  #next(id: number): void {
    const { send, states } = this.d;
    const reader = this.#readers.get(id);
    if (reader === undefined) throw malformed();
    reader.then((items) => items.next()).then(({ done, value }) => {
      if (this.#closed) return;
      states.flush();
      if (done !== true) send({ kind: "item", id, item: value as Message });
      else {
        this.#readers.delete(id);
        send({ kind: "end", id });
      }
    }, (error: unknown) => {
      this.#readers.delete(id);
      if (!this.#closed) send({ kind: "end", id, error: toWire(error) });
    });
  }

  #return(id: number): void {
    void this.#readers.get(id)?.then((items) => items.return?.(), () => undefined); // opening it has been answered
    this.#readers.delete(id);
  }

  #send(fields: Fields): void {
    const { id, text } = fieldsOf(fields["draft"]);
    if (!isMessageId(id)) throw malformed();
    const to = parseBareJid(String(fields["to"]));
    try {
      if (to === undefined) throw malformed();
      const { sender } = this.d.client.core;
      this.#follows.follow(sender.intake.acceptAs(id, to, textContent({ text: text as string }), { protection: fields["protection"] === "none" ? "none" : "omemo" }));
    } catch (error) {
      this.d.send({ kind: "progress", message: id, progress: pack({ state: "failed", archived: false, report: [], error: asSottoError(error) }) });
    }
  }
}
