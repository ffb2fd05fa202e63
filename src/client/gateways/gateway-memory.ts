/**
 * Which domains are gateways into other networks: remembered, so that a conversation can say so also offline and before anybody asks again.
 * Nothing here trusts a gateway: a domain that claims to be one loses by it.
 * Spec: XEP-0100 #intro. Not here: finding out (domain-asking.ts, gateways.ts).
 * @module
 */
import { Emitter, type Unsubscribe } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import { gatewaysMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import { storeKey, type Store, type StoreKey } from "../../session/ports.js";
import { isDamaged } from "../damaged.js";
import { asObject, decodeJson, encodeJson, invalidRecord, jidField, stringField } from "../json-record.js";
import { type Beyond, beyondOf } from "./from-data.js";

const key: StoreKey = storeKey("client/gateways");

/** What is known of a domain has changed. `type`: of the network behind it; absent: it is not known to be a gateway any more. */
export interface GatewayChange {
  readonly gateway: BareJid;
  readonly type?: string;
}

/** The gateways that are known. */
export class GatewayMemory {
  readonly #ledger: Ledger;
  readonly #changes: Emitter<GatewayChange>;
  #types: ReadonlyMap<BareJid, string>;

  private constructor(ledger: Ledger, types: ReadonlyMap<BareJid, string>, onListenerError?: (error: unknown) => void) {
    this.#ledger = ledger;
    this.#changes = new Emitter(onListenerError);
    this.#types = types;
  }

  /** A row that cannot be read is told and given up: domains can be asked again, and a client that does not start helps nobody (threats D13). @throws StorageError */
  static async load(store: Pick<Store, "get">, ledger: Ledger, onError?: (error: unknown) => void): Promise<GatewayMemory> {
    let types: ReadonlyMap<BareJid, string> = new Map();
    try {
      const bytes = await store.get(key);
      if (bytes !== undefined) types = decodeRow(bytes);
    } catch (error) {
      if (!isDamaged(error)) throw error;
      onError?.(error);
    }
    return new GatewayMemory(ledger, types, onError);
  }

  /** Calls `listener` for each gateway that is known from now on, or not any more; {@link beyond} says so already. */
  onChange(listener: (change: GatewayChange) => void): Unsubscribe {
    return this.#changes.subscribe(listener);
  }

  /** The type of each, the longest known first. */
  get types(): ReadonlyMap<BareJid, string> {
    return this.#types;
  }

  /**
   * What lies beyond the address, as far as is known: messages to `jid` leave XMPP at the gateway, which reads them, and so do the network
   * behind it and whoever else that network shows them to. End-to-end encryption, if there is any, ends at the gateway. `undefined` is no
   * promise: nobody has said that the domain is a gateway.
   */
  beyond(jid: BareJid): Beyond | undefined {
    return beyondOf(this.#types, jid);
  }

  /** Takes over what domains have said of themselves; `undefined`: none, any more. Durable when it resolves. */
  async learn(said: Iterable<readonly [BareJid, string | undefined]>): Promise<void> {
    const before = this.#types;
    const types = new Map(before);
    for (const [jid, type] of said) {
      if (types.get(jid) === type) continue;
      types.delete(jid);
      if (type !== undefined) types.set(jid, type);
    }
    for (const oldest of [...types.keys()].slice(0, Math.max(0, types.size - gatewaysMax))) types.delete(oldest);
    const changed = [...new Set([...before.keys(), ...types.keys()])].filter((jid) => before.get(jid) !== types.get(jid));
    if (changed.length === 0) return;
    this.#types = types;
    for (const gateway of changed) {
      const type = types.get(gateway);
      this.#changes.emit({ gateway, ...(type === undefined ? {} : { type }) });
    }
    const gateways = [...types].map(([jid, type]) => ({ jid, type }));
    await this.#ledger.run((tx) => { tx.put(key, encodeJson({ gateways })); });
  }
}

function decodeRow(bytes: Uint8Array): ReadonlyMap<BareJid, string> {
  const { gateways } = decodeJson(bytes);
  if (!Array.isArray(gateways)) throw invalidRecord();
  return new Map(gateways.map(asObject).map((row) => [jidField(row, "jid"), stringField(row, "type")]));
}
