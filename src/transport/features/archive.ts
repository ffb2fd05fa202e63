/**
 * The account's archive: one page per question. Results come as messages ahead of the answer; they count only while the
 * question is open, only from the archive that was asked, and only if they concern it (threats F05, F06).
 * Spec: XEP-0313 #query, #query-paging, #security-impersonation; XEP-0359 #security.
 * Not here: catching up, the order of pages, what to do without an archive (client/).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { UsageError } from "../../base/errors.js";
import { domainOf, parseJid, toBare, type BareJid } from "../../base/jid.js";
import { archivePageDefault, archivePageMax, archiveTimeoutMs } from "../../base/limits.js";
import { randomId, type Rng } from "../../base/rng.js";
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { given, parseId } from "../xep/fields.js";
import { archiveNamespace, clientNamespace, pingNamespace, stanzaIdNamespace } from "../xep/namespaces.js";
import { decodeArchiveFin, decodeArchiveResult, encodeArchiveQuery, findArchiveResults, type ArchiveFin } from "../xep/xep0313.js";
import { discoverInfo } from "./disco.js";
import type { IqRequester } from "./iq-requester.js";
import { watchForPassingOver } from "./passed-over.js";

/** A message that the account once sent or received. */
export interface ArchivedMessage {
  /** Its id in the archive; the same as its stanza-id by the account. */
  readonly id: string;
  /** When the archive received it, by the archive's clock; milliseconds since 1970-01-01 UTC. */
  readonly stamp: number;
  /** The message; its from or to is the account. No from means: from the account (threats F26). */
  readonly stanza: XmlElement;
}

/** Which page of which messages. Without `after` and `before`: the first page of all. */
export interface ArchiveQuery {
  /** Only messages to or from this address. */
  readonly with?: BareJid;
  /** Only messages received at or after this time, milliseconds since 1970-01-01 UTC, by the archive's clock. */
  readonly start?: number;
  /** Only messages received at or before this time. */
  readonly end?: number;
  /** The page that follows the message with this id. */
  readonly after?: string;
  /** The page that ends ahead of the message with this id; "" for the last page. Not together with `after`. */
  readonly before?: string;
  /** Messages wanted, 1 to `archivePageMax`; default `archivePageDefault`. The server may give fewer. */
  readonly max?: number;
}

/** A page, in the order of the archive. */
export interface ArchivePage {
  readonly messages: readonly ArchivedMessage[];
  /** True if there is nothing more in the direction of the query. If not, `last` (or `first`) leads on. */
  readonly complete: boolean;
  /** False if the server says that what it told may still change: then nothing is known to be absent. */
  readonly stable: boolean;
  /** Ids of the ends of the page, refused messages included. */
  readonly first?: string;
  readonly last?: string;
  /** Messages that match the whole query, if the server counts them; perhaps an estimate. */
  readonly count?: number;
  /** Results that could not be read: nobody knows which messages they were. */
  readonly refused: number;
}

interface OpenQuery {
  readonly max: number;
  readonly messages: Map<string, ArchivedMessage>;
  results: number;
  refused: number;
}

/** The archive of one account over one stream. */
export class Archive {
  readonly #iq: IqRequester;
  readonly #account: BareJid;
  readonly #rng: Rng;
  readonly #clock: Clock;
  readonly #open = new Map<string, OpenQuery>();
  #features: ReadonlySet<string> | undefined;
  #dropped = 0;

  constructor(dependencies: { readonly iq: IqRequester; readonly account: BareJid; readonly rng: Rng; readonly clock: Clock }) {
    this.#iq = dependencies.iq;
    this.#account = dependencies.account;
    this.#rng = dependencies.rng;
    this.#clock = dependencies.clock;
  }

  /** Results that are no messages of the account: asked for by nobody, not from the archive, a wrapper in a wrapper, or between others. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Takes a message stanza if it holds results of an archive, asked for or not; then it is nothing else (threats F05).
   * To be called in the turn in which the stanza came, so that results are there when the answer behind them is.
   */
  handleMessage(stanza: XmlElement): boolean {
    if (!isElement(stanza, clientNamespace, "message")) return false;
    const [result, another] = findArchiveResults(stanza);
    if (result === undefined) return false;
    const from = stanza.attrs["from"];
    const query = this.#open.get(result.attrs["queryid"] ?? "");
    // The exact address of the archive: a full one is some client, the domain is not who was asked.
    const fromArchive = from === undefined || parseJid(from) === this.#account;
    if (query === undefined || another !== undefined || !fromArchive || stanza.attrs["type"] === "error") this.#dropped++;
    else this.#collect(query, result);
    return true;
  }

  #collect(query: OpenQuery, result: XmlElement): void {
    if (++query.results > query.max) return; // the page is lost: see below
    const decoded = decodeArchiveResult(result);
    if (decoded === undefined || query.messages.has(decoded.id)) query.refused++;
    // Anybody can write such a message to us: it must not look like one that we failed to read.
    else if (decoded.nested || !this.#concernsAccount(decoded.message)) this.#dropped++;
    else query.messages.set(decoded.id, { id: decoded.id, stamp: decoded.stamp, stanza: decoded.message });
  }

  #concernsAccount(message: XmlElement): boolean {
    const addresses = [message.attrs["from"] ?? this.#account, message.attrs["to"] ?? this.#account].map(parseJid);
    return addresses.every((jid) => jid !== undefined) && addresses.some((jid) => toBare(jid) === this.#account);
  }

  /**
   * True if the account has an archive. Asks once per stream.
   * @throws TransportError if the server did not say; that is not the same as no.
   */
  async supported(signal?: AbortSignal): Promise<boolean> {
    return (await this.#discover(signal)).has(archiveNamespace);
  }

  /**
   * True if a stanza-id by the account can be believed and names a message in the archive: the server says that it
   * has one and that it removes what others have written there (threats F10).
   * @throws TransportError if the server did not say.
   */
  async stanzaIdsTrusted(signal?: AbortSignal): Promise<boolean> {
    const features = await this.#discover(signal);
    return features.has(archiveNamespace) && features.has(stanzaIdNamespace);
  }

  async #discover(signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    // The account, not the host: some servers announce the archive only there.
    return this.#features ??= (await discoverInfo(this.#iq, { to: this.#account, ...given({ signal }) })).features;
  }

  /**
   * Asks for one page. A page that fails leaves nothing behind, whatever of it has arrived.
   * @param quietMs after so many milliseconds without a result something else is asked; if there is none in as many behind the answer to that,
   *   the server has passed the question over. Absent: only the deadline of a page counts.
   * @throws TransportError `ERR_STANZA_ERROR` (`details.condition`; "item-not-found": the archive does not have the message
   *   named by `after` or `before`, as far as the server checks that), `ERR_STREAM_PROTOCOL` for an answer that cannot be
   *   a page, `ERR_IQ_TIMEOUT` also for one that is passed over ({@link isPassedOver}), and what requests throw; UsageError `ERR_INVALID_ARGUMENT`, `ERR_ABORTED`.
   */
  async query(query: ArchiveQuery, signal?: AbortSignal, quietMs?: number): Promise<ArchivePage> {
    const max = checkedMax(query);
    const id = randomId(this.#rng);
    const open: OpenQuery = { max, messages: new Map(), results: 0, refused: 0 };
    this.#open.set(id, open);
    try {
      const answer = this.#iq.request({
        type: "set", to: this.#account, timeoutMs: archiveTimeoutMs,
        payload: encodeArchiveQuery(id, query, { max, ...given({ after: query.after, before: query.before }) }),
        ...given({ signal }),
      });
      return page(query, open, decodeArchiveFin(await (quietMs === undefined ? answer : this.#unlessPassedOver(answer, open, quietMs))));
    } finally {
      this.#open.delete(id);
    }
  }

  async #unlessPassedOver<T>(answer: Promise<T>, open: OpenQuery, quietMs: number): Promise<T> {
    let stopWatching: (() => void) | undefined;
    const passedOver = new Promise<never>((_, reject) => {
      stopWatching = watchForPassingOver({ clock: this.#clock, quietMs, heard: () => open.results, askAnother: () => this.#ping() }, () => {
        reject(new TransportError("ERR_IQ_TIMEOUT", "the archive says nothing of this page", { retryable: true, details: passedOverDetails }));
      });
    });
    return Promise.race([answer, passedOver]).finally(stopWatching);
  }

  /** Resolves when the server answers something, a refusal too. */
  async #ping(): Promise<void> {
    try {
      await this.#iq.request({ type: "get", to: domainOf(this.#account), payload: xml(pingNamespace, "ping") });
    } catch (error) {
      if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") throw error;
    }
  }
}

const passedOverDetails = { reason: "passed-over" };

/** Whether the server went on without answering this question, as it would again: it cannot read what the page would hold (decision 0015). */
export const isPassedOver = (error: unknown): boolean => error instanceof TransportError && error.details["reason"] === passedOverDetails.reason;

function page(query: ArchiveQuery, open: OpenQuery, fin: ArchiveFin | undefined): ArchivePage {
  const messages = [...open.messages.values()];
  if (fin === undefined || open.results > open.max) throw noPage();
  const first = fin.first ?? messages[0]?.id;
  const last = fin.last ?? messages[messages.length - 1]?.id;
  // Whoever goes on from here must get further, or paging never ends.
  const leadsOn = query.before === undefined ? last !== undefined && last !== query.after : first !== undefined && first !== query.before;
  if (!fin.complete && !leadsOn) throw noPage();
  return {
    messages, complete: fin.complete, stable: fin.stable, refused: open.refused, ...given({ first, last, count: fin.count }),
  };
}

function noPage(): TransportError {
  return new TransportError("ERR_STREAM_PROTOCOL", "the archive's answer is no page of what was asked for");
}

function checkedMax(query: ArchiveQuery): number {
  const { max = archivePageDefault, after, before, start = 0, end = start } = query;
  const times = [start, end].every((time) => Number.isSafeInteger(time) && time >= 0 && time <= timeMax);
  const ids = [after ?? "x", before === undefined || before === "" ? "x" : before].every((id) => parseId(id) !== undefined);
  if (!times || !ids || (after !== undefined && before !== undefined) || !Number.isSafeInteger(max) || max < 1 || max > archivePageMax) {
    throw new UsageError("ERR_INVALID_ARGUMENT", "not a page of an archive");
  }
  return max;
}

/** The last millisecond of the year 9999, beyond which XEP-0082 has no form. */
const timeMax = 253_402_300_799_999;
