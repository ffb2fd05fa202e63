/**
 * The capabilities of others: asked for when somebody wants to know them, shared by all who show the same hash once it is proven.
 * Spec: XEP-0115 v1.6 #ver-proc, #discover. Threats F23, H06.
 * What does not prove its hash - another function, a wrong or ambiguous list, no claim at all - holds for that address and that claim only.
 * Not here: which claim an address makes (client/presence/), our own capabilities (caps.ts).
 * @module
 */
import { apart } from "../../base/apart.js";
import { addressCapsMax, capsLengthMax, capsRequestsMax, capsRequestsWaitingMax, provenCapsMax } from "../../base/limits.js";
import type { FullJid } from "../../base/jid.js";
import { serializeXml, type XmlElement } from "../../base/xml.js";
import { abortError } from "../connection/abort.js";
import { closedError } from "../connection/closed.js";
import { TransportError } from "../errors.js";
import type { CapsClaim } from "../xep/xep0115.js";
import { decodeDiscoInfo, discoInfoRequest, type DiscoInfo } from "../xep/xep0030.js";
import { provesCaps } from "./caps-hash.js";
import type { IqRequester } from "./iq-requester.js";
import { isStanzaError } from "./pep-errors.js";

/** Whom to ask, and over which stream. */
export interface CapsQuestion {
  readonly iq: IqRequester;
  /** Aborts when the stream is over. */
  readonly over: AbortSignal;
  readonly jid: FullJid;
  /** What its presence claims now; `undefined` if it claims nothing, or its presence is not known. */
  readonly claim: CapsClaim | undefined;
  /** The caller gives up; the request goes on for others who wait for it. */
  readonly signal?: AbortSignal | undefined;
}

interface Held {
  readonly claim: string;
  readonly info: DiscoInfo;
}

const shareable = (claim: CapsClaim | undefined): claim is CapsClaim => claim?.hash === "sha-1";
const nameOf = (claim: CapsClaim): string => JSON.stringify([claim.hash, claim.node, claim.ver]);

/** Keys of what is being asked: others choose what stands in a hash, which must never be taken for an address. */
const hashKey = ({ ver }: CapsClaim): string => `hash ${ver}`;
const addressKey = (jid: FullJid, claim: CapsClaim | undefined): string => `address ${jid} ${claim === undefined ? "" : nameOf(claim)}`;

/** Remembers within bounds; the oldest leave. */
function remember<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
}

/** What is known of others' capabilities; lives longer than a stream. */
export class CapsDirectory {
  readonly #proven = new Map<string, DiscoInfo>();
  readonly #byAddress = new Map<FullJid, Held>();
  /** Requests on their way or waiting, by what they are about: a hash, or an address. */
  readonly #open = new Map<string, Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** What is known without asking. */
  known(jid: FullJid, claim: CapsClaim | undefined): DiscoInfo | undefined {
    if (claim === undefined) return undefined; // nothing tells when it changes
    const proven = shareable(claim) ? this.#proven.get(claim.ver) : undefined;
    if (proven !== undefined) return proven;
    const held = this.#byAddress.get(jid);
    return held?.claim === nameOf(claim) ? held.info : undefined;
  }

  /**
   * Asks, unless it is known or being asked. `undefined`: the address gives no usable answer.
   * @throws TransportError as the request does, but for error answers, and `ERR_IQ_TOO_MANY`; UsageError `ERR_ABORTED`
   */
  async ask(question: CapsQuestion): Promise<DiscoInfo | undefined> {
    const { jid, claim, signal } = question;
    if (signal?.aborted === true) throw abortError(signal);
    const known = this.known(jid, claim);
    if (known !== undefined) return known;
    const shared = shareable(claim) ? this.#open.get(hashKey(claim)) : undefined;
    if (shared !== undefined) {
      // One question for all who show that hash - but an address that lies, or never answers, holds the others up only once.
      await until(shared.catch(() => undefined), signal);
      const proven = this.known(jid, claim);
      if (proven !== undefined) return proven;
    }
    const address = addressKey(jid, claim);
    const own = (this.#open.get(address) as Promise<DiscoInfo | undefined> | undefined) ?? this.#start(question, address);
    return until(own, signal);
  }

  #start(question: CapsQuestion, address: string): Promise<DiscoInfo | undefined> {
    const keys = shareable(question.claim) ? [address, hashKey(question.claim)] : [address];
    const asked = this.#inTurn(() => this.#request(question));
    for (const key of keys) this.#open.set(key, asked);
    const done = (): void => {
      for (const key of keys) if (this.#open.get(key) === asked) this.#open.delete(key);
    };
    asked.then(done, done);
    return asked;
  }

  async #request({ iq, over, jid, claim }: CapsQuestion): Promise<DiscoInfo | undefined> {
    const node = claim === undefined ? undefined : `${claim.node}#${claim.ver}`;
    let answer: XmlElement | undefined;
    try {
      answer = await iq.request({ type: "get", to: jid, payload: discoInfoRequest(node), signal: over });
    } catch (error) {
      if (isStanzaError(error)) return undefined;
      throw over.aborted ? closedError() : error;
    }
    const info = decodeDiscoInfo(answer);
    if (info === undefined || answer === undefined || serializeXml(answer).length > capsLengthMax) return undefined;
    if (shareable(claim) && provesCaps(answer, claim.ver)) remember(this.#proven, claim.ver, info, provenCapsMax);
    else if (claim !== undefined) remember(this.#byAddress, jid, { claim: nameOf(claim), info }, addressCapsMax);
    return info;
  }

  /** At most so many requests at a time, and so many that wait. */
  async #inTurn<T>(request: () => Promise<T>): Promise<T> {
    if (this.#running >= capsRequestsMax) {
      if (this.#waiting.length >= capsRequestsWaitingMax) throw new TransportError("ERR_IQ_TOO_MANY", "too many questions about capabilities", { retryable: true });
      await new Promise<void>((resolve) => { this.#waiting.push(resolve); }); // woken with the turn of the one before
    } else {
      this.#running++;
    }
    try {
      return await request();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/** Settles as `work` does, or rejects when the caller gives up. */
function until<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const own = apart(signal);
  if (own === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => { reject(abortError(own)); };
    const settled = (): void => { own.removeEventListener("abort", onAbort); };
    own.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(settled).catch(() => undefined); // both outcomes have been passed on
  });
}
