/**
 * Who is blocked: the account's block list, followed through pushes, and changes to it.
 * Spec: XEP-0191, XEP-0377. Threats F09, V04. Not here: single requests (transport/features/blocking.ts), what is said before a block (before-block.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { ObservableValue, type Observable, type Unsubscribe } from "../../base/events.js";
import { domainOf, parseJid, toBare, type BareJid, type Jid } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import { blockedAddressesMax } from "../../base/limits.js";
import type { XmlElement } from "../../base/xml.js";
import { abortError } from "../../transport/connection/abort.js";
import { BlockingService } from "../../transport/features/blocking.js";
import { discoverInfo } from "../../transport/features/disco.js";
import { TransportError } from "../../transport/errors.js";
import { blockingNamespace, privacyNamespace, reportingNamespace } from "../../transport/xep/namespaces.js";
import { decodeBlockingPush, type BlockedItems } from "../../transport/xep/xep0191.js";
import type { AbuseReport } from "../../transport/xep/xep0377.js";
import type { ClientEvent } from "../events.js";
import type { Connection } from "../link.js";
import { coversJid } from "../privacy/evaluate.js";
import { type BeforeBlock, BeforeBlocks, type BeforeBlocksDeps } from "./before-block.js";
import { isCovered } from "./covered.js";
import { onPush } from "../privacy/pushes.js";
import type { StreamPart } from "../stream-part.js";

export type { BeforeBlock } from "./before-block.js";

export interface BlockingDeps extends BeforeBlocksDeps {
  readonly account: BareJid;
  readonly emit: (event: ClientEvent) => void;
  /** Why there is no stream, for whoever needs one. */
  readonly offline: () => Error;
}

/** Wishes about a block. */
export interface BlockOptions {
  /** Tells the own server why, if it takes reports ({@link BlockResult.reported}); for one address. It stays with that server: forwarding is not approved. */
  readonly report?: AbuseReport | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What became of a block beside the block itself. */
export interface BlockResult {
  /**
   * True if a report went along; false if none was asked for, or the server takes none (XEP-0377 #disco). Neither Prosody 0.12 nor ejabberd
   * 23.01 takes any: there it is always false, and the block holds all the same.
   */
  readonly reported: boolean;
}

const readsMax = 4;

/**
 * The block list (XEP-0191). An address with a resource blocks that resource, `user@domain` all of them, `domain` the domain and everybody there.
 *
 * Relation to privacy lists (XEP-0016), measured: on Prosody 0.12 there is none; a block holds under any list. On ejabberd 23.01 blocks are the
 * `deny` rules about addresses in the account's default list: an active list switches them off unless it repeats them, another default list
 * brings other blocks (we hear of it by a privacy push only when a list is edited; {@link refresh} asks), and a server that is asked to
 * unblock everybody removes every such rule, also those for messages alone. {@link unblock} therefore names whom it unblocks.
 *
 * Before a block we take our presence back from those who see it: Prosody would do so itself, ejabberd never does. What our other clients show
 * is theirs to take back. After an unblock Prosody shows our presence again, ejabberd only with the next one that we send.
 *
 * Calls that ask the server throw ClientError `ERR_OFFLINE` without a stream, TransportError `ERR_BLOCKING_UNSUPPORTED`, and what requests throw.
 */
export class Blocking implements StreamPart, Observable<ReadonlySet<Jid>> {
  readonly #d: BlockingDeps;
  readonly #blocked: ObservableValue<ReadonlySet<Jid>>;
  readonly #turns = new KeyedMutex<"change">();
  readonly #before: BeforeBlocks;
  #connection: Connection | undefined;
  #stopListening: readonly Unsubscribe[] = [];
  #pushes = 0;
  #isCurrent = false;
  #reading: Promise<void> | undefined;
  #takesReports: boolean | undefined;

  constructor(deps: BlockingDeps) {
    this.#d = deps;
    this.#before = new BeforeBlocks(deps);
    this.#blocked = new ObservableValue<ReadonlySet<Jid>>(new Set(), deps.onError);
  }

  /** Everybody who is blocked, as last known; empty before the first answer. */
  getSnapshot = (): ReadonlySet<Jid> => this.#blocked.getSnapshot();
  /** Calls `listener` after each change of the snapshot. */
  subscribe = (listener: () => void): Unsubscribe => this.#blocked.subscribe(listener);

  /** True while the server's list is known and followed. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** @internal */
  attach(connection: Connection): void {
    const { account, onError } = this.#d;
    for (const stop of this.#stopListening) stop();
    this.#connection = connection;
    this.#reading = undefined;
    this.#takesReports = undefined;
    this.#stopListening = [
      onPush(connection.iq, account, blockingNamespace, (payload) => { this.#push(payload); }, onError),
      // ejabberd keeps blocks in a privacy list, which other clients can edit as such.
      onPush(connection.iq, account, privacyNamespace, () => { this.#pushes++; this.#reread(); }, onError),
    ];
    this.#reread();
  }

  /** @internal */
  detach(): void {
    this.#connection = undefined;
    this.#isCurrent = false;
    for (const stop of this.#stopListening) stop();
  }

  /** Called, and waited for (5 s at most), before every block of ours: the time to take back what the contact can see. */
  beforeBlock(listener: BeforeBlock): Unsubscribe {
    return this.#before.add(listener);
  }

  /** True if a stanza from `address` is blocked as far as we know; false for what is no address. What we know may be old while we are offline. */
  isBlocked(address: string): boolean {
    return isCovered(this.getSnapshot(), address);
  }

  /** Asks the server for the list. */
  async refresh(call: { readonly signal?: AbortSignal | undefined } = {}): Promise<ReadonlySet<Jid>> {
    await this.#read(this.#online(), call.signal);
    return this.getSnapshot();
  }

  /**
   * Blocks addresses. Resolves when the server has confirmed; those who could see us have been sent that we are gone.
   * @throws UsageError `ERR_INVALID_JID`; `ERR_INVALID_ARGUMENT` for no list or an empty one, an address of this account, its server, or a report about several
   */
  async block(jids: readonly string[], options: BlockOptions = {}): Promise<BlockResult> {
    const { report, signal } = options;
    const whom = this.#checked(jids);
    if (report !== undefined && whom.length > 1) throw new UsageError("ERR_INVALID_ARGUMENT", "a report is about one address");
    return this.#turns.run("change", async () => {
      const connection = this.#online();
      refuseAborted(signal);
      const reported = report !== undefined && (await this.#canReport(connection, signal));
      await this.#before.tell(whom);
      refuseAborted(signal); // before anybody is told that we are gone
      const pushes = this.#pushes;
      this.#before.takeBack(connection, whom);
      await new BlockingService({ iq: connection.iq }).block(whom, reported ? report : undefined, signal);
      // A server that has begun to push tells what became of this, too, and in the right order.
      if (pushes === this.#pushes) this.#apply((blocked) => { for (const jid of whom) blocked.add(jid); });
      return { reported };
    });
  }

  /** Unblocks addresses, or everybody who is blocked now. @throws UsageError `ERR_INVALID_JID`, `ERR_INVALID_ARGUMENT` for no list or an empty one */
  async unblock(jids: readonly string[] | "all", options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const named = jids === "all" ? undefined : this.#checked(jids);
    await this.#turns.run("change", async () => {
      const { iq } = this.#online();
      const service = new BlockingService({ iq });
      const whom = named ?? (await service.list(options.signal)).jids;
      if (whom.length === 0) return;
      const pushes = this.#pushes;
      await service.unblock(whom, options.signal);
      if (pushes === this.#pushes) this.#apply((blocked) => { for (const jid of whom) blocked.delete(jid); });
    });
  }

  #online(): Connection {
    if (this.#connection === undefined) throw this.#d.offline();
    return this.#connection;
  }

  #checked(jids: readonly string[]): readonly Jid[] {
    const { account } = this.#d;
    const given: unknown = jids;
    if (!Array.isArray(given)) throw new UsageError("ERR_INVALID_ARGUMENT", "addresses are given as a list");
    if (jids.length === 0) throw new UsageError("ERR_INVALID_ARGUMENT", "no address is given");
    return [...new Set(jids.map((text) => {
      const jid = parseJid(text);
      if (jid === undefined) throw new UsageError("ERR_INVALID_JID", "not an XMPP address");
      // ejabberd would keep our own devices from one another, Prosody us from the server.
      if (coversJid(toBare(jid), account)) throw new UsageError("ERR_INVALID_ARGUMENT", "the own account and its server cannot be blocked");
      return jid;
    }))];
  }

  async #canReport({ iq }: Connection, signal: AbortSignal | undefined): Promise<boolean> {
    this.#takesReports ??= (await discoverInfo(iq, { to: domainOf(this.#d.account), ...(signal === undefined ? {} : { signal }) })).features.has(reportingNamespace);
    return this.#takesReports;
  }

  #push(payload: XmlElement): void {
    const push = decodeBlockingPush(payload);
    if (push === undefined) return;
    this.#pushes++;
    if (push.kind !== "unblock-all") this.#malformed(push);
    this.#apply((blocked) => {
      if (push.kind === "unblock-all") blocked.clear();
      else for (const jid of push.jids) if (push.kind === "block") blocked.add(jid); else blocked.delete(jid);
    });
  }

  #apply(change: (blocked: Set<Jid>) => void): void {
    const before = this.getSnapshot();
    const blocked = new Set(before);
    change(blocked);
    if (blocked.size > blockedAddressesMax) {
      this.#d.onError(new TransportError("ERR_STREAM_LIMIT", "more addresses are blocked than are kept", { details: { max: blockedAddressesMax } }));
      return;
    }
    if (blocked.size !== before.size || [...blocked].some((jid) => !before.has(jid))) this.#blocked.set(blocked);
  }

  #reread(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#reading !== undefined) return;
    const reading = this.#read(connection)
      .catch((error: unknown) => { if (!connection.signal.aborted && !isUnsupported(error)) this.#d.onError(error); })
      .finally(() => { if (this.#reading === reading) this.#reading = undefined; });
    this.#reading = reading;
  }

  /** Until nothing has changed while we asked: an answer may be overtaken by a push. */
  async #read(connection: Connection, signal?: AbortSignal): Promise<void> {
    const service = new BlockingService({ iq: connection.iq });
    for (let turn = 1; turn <= readsMax; turn++) {
      const pushes = this.#pushes;
      const items = await service.list(signal);
      if (connection !== this.#connection) return;
      if (pushes !== this.#pushes && turn < readsMax) continue;
      this.#malformed(items);
      this.#apply((blocked) => {
        blocked.clear();
        for (const jid of items.jids) blocked.add(jid);
      });
      this.#isCurrent = true;
      return;
    }
  }

  #malformed({ dropped }: BlockedItems): void {
    for (let i = 0; i < dropped; i++) this.#d.emit({ kind: "malformed", what: "block-item" });
  }
}

const refuseAborted = (signal: AbortSignal | undefined): void => { if (signal?.aborted === true) throw abortError(signal); };
const isUnsupported = (error: unknown): boolean => error instanceof TransportError && error.code === "ERR_BLOCKING_UNSUPPORTED";
