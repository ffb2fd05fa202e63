/**
 * The witness: a generation outside the store that tells whether the store has gone back in time, or lives twice (threats R21, B01).
 * Each run of the client writes a new generation, first into the store, then to a private PEP node of the account. A store that finds
 * a newer one there than its own is an old copy. A server that lies about it is out of scope: it could as well withhold everything.
 * Not here: what follows from it (rollback.ts), the archive as a second witness (receive/catch-up.ts).
 * @module
 */
import { toHex } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import type { Rng } from "../../base/rng.js";
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import { storeKey, type DeviceId, type StoreKey } from "../../session/ports.js";
import { TransportError } from "../../transport/errors.js";
import { Pep } from "../../transport/features/pep.js";
import type { IqRequester } from "../../transport/features/iq-requester.js";
import { unlessDamaged } from "../damaged.js";
import { decodeJson, encodeJson, numberField, stringField } from "../json-record.js";

/** Our own namespace: other software has no use for it. */
export const witnessNamespace = "urn:sotto:witness:0";
const key: StoreKey = storeKey("client/witness");

/** One opening of the store. */
interface Opening {
  /** Counts the openings. */
  readonly generation: number;
  /** Random: tells apart two copies that count alike. */
  readonly mark: string;
}

/** What the witness says. */
export type Testimony =
  /** The store is as it was left, as far as can be seen. */
  | "consistent"
  /** The store is an old copy, or another copy of it is in use. */
  | "rolled-back"
  /** The server keeps no such thing for us; the archive is the only witness then. */
  | "none";

/** Where it is asked. */
export interface WitnessStand {
  readonly iq: IqRequester;
  readonly signal: AbortSignal;
}

export interface WitnessDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly rng: Rng;
  readonly deviceId: () => DeviceId;
}

/** Asks and writes the witness, once per stream that is not the continuation of another one. */
export class Witness {
  readonly #d: WitnessDeps;
  /** This run's opening, once the server has it. */
  #opened: Opening | undefined;

  constructor(deps: WitnessDeps) {
    this.#d = deps;
  }

  /**
   * Compares, and in a run's first round writes the next generation.
   * @throws TransportError, retryable, if the server could not be asked: then nothing may be encrypted yet
   */
  async ask(connection: WitnessStand): Promise<Testimony> {
    const pep = new Pep(connection.iq);
    const there = await this.#read(pep, connection.signal);
    if (there === "none") return "none";
    const known = this.#opened ?? (await this.#stored());
    if (there !== undefined && (known === undefined || there.generation > known.generation || isOther(there, known))) return "rolled-back";
    if (this.#opened !== undefined && there !== undefined) return "consistent";
    return this.#open(pep, connection, known);
  }

  /** The device has another id now: a new history begins. */
  async restart(): Promise<void> {
    this.#opened = undefined;
    await this.#d.ledger.run((tx) => { tx.delete(key); });
  }

  async #open(pep: Pep, connection: WitnessStand, known: Opening | undefined): Promise<Testimony> {
    const next: Opening = { generation: (known?.generation ?? 0) + 1, mark: toHex(this.#d.rng(16)) };
    // The store first: a crash in between leaves the server behind, which is no sign of anything.
    await this.#d.ledger.run((tx) => { tx.put(key, encodeJson({ ...next })); });
    try {
      await pep.publish({ ...this.#item(), payload: encode(next), policy: { accessModel: "whitelist", items: "many" }, signal: connection.signal });
    } catch (error) {
      if (error instanceof TransportError && error.code === "ERR_PUBLISH_FAILED" && !error.retryable) return "none";
      throw error;
    }
    this.#opened = next;
    // Two copies that open at the same moment both write; the one that was overwritten sees it here or at its next stream.
    const there = await this.#read(pep, connection.signal);
    return there === "none" || there === undefined ? "none" : isOther(there, next) ? "rolled-back" : "consistent";
  }

  async #read(pep: Pep, signal: AbortSignal): Promise<Opening | "none" | undefined> {
    const { node, id } = this.#item();
    const answer = await pep.items({ owner: this.#d.account, node, wanted: { ids: [id] }, signal });
    if (answer.kind === "none") return undefined;
    if (answer.kind === "found") return answer.value.flatMap((item) => (item.payload === undefined ? [] : (decode(item.payload) ?? [])))[0];
    if (answer.kind === "malformed") return undefined; // nobody but us writes there: it is replaced
    if (answer.retryable) throw new TransportError("ERR_STREAM_CLOSED", "the witness of the store could not be asked", { retryable: true });
    return "none";
  }

  /** What cannot be read proves nothing: then a generation of the server's is newer than ours (threats D13). */
  async #stored(): Promise<Opening | undefined> {
    const opening = await unlessDamaged(() => this.#d.ledger.read(async (tx) => {
      const row = await tx.get(key);
      if (row === undefined) return undefined;
      const record = decodeJson(row);
      return { generation: numberField(record, "generation"), mark: stringField(record, "mark") };
    }));
    return opening === "damaged" ? undefined : opening;
  }

  #item(): { readonly node: string; readonly id: string } {
    return { node: witnessNamespace, id: String(this.#d.deviceId()) };
  }
}

const isOther = (there: Opening, known: Opening): boolean => there.generation === known.generation && there.mark !== known.mark;

function encode({ generation, mark }: Opening): XmlElement {
  return xml(witnessNamespace, "opening", { generation: String(generation), mark });
}

function decode(payload: XmlElement): Opening | undefined {
  const { generation = "", mark = "" } = payload.attrs;
  if (!isElement(payload, witnessNamespace, "opening") || !/^[1-9][0-9]{0,14}$/.test(generation) || !/^[0-9a-f]{32}$/.test(mark)) return undefined;
  return { generation: Number(generation), mark };
}
