/**
 * What was said through this leader that is in no other row: the user's own presence, the context of his policy, the active privacy list, whether to be
 * connected. Facades mirror most of it and hand it over; but a tab that is opened beside a frozen leader has nothing to hand over, and one that was frozen
 * itself hands over what was true then. So it is a row as well, durable before it is acted on.
 * The row counts while a tab lives that was there when it was written. Once all of them are gone, the next client begins as its options say.
 * Spec: docs/decisions/0013-tabs-and-workers.md. Threats V01. Not here: what hubs tell each other (wishes.ts), the password, which is in no row.
 * @module
 */
import { ObservableValue } from "../base/events.js";
import { sameData } from "../base/same-data.js";
import type { Core } from "../client/core.js";
import { asObject, choiceField, decodeJson, encodeJson, givenField, invalidRecord, type Json, numberField, stringField } from "../client/json-record.js";
import type { Availability } from "../client/presence/announcer.js";
import type { PolicyContext } from "../client/presence/policy-door.js";
import { storeKey, type StoreKey } from "../session/ports.js";
import type { Carry } from "./frames.js";

/** All of it; absent is what nobody has said anything about. */
export interface SaidValues extends Omit<Carry, "turn"> {
  /** After `connect` or `disconnect`. */
  readonly connected?: boolean;
}

/** What is said anew; `undefined` takes it back. */
export type SaidNews = { readonly [K in keyof SaidValues]?: SaidValues[K] | undefined };

/** Which of these tabs live still, frozen or not. */
export type Living = (tabs: readonly string[]) => Promise<readonly string[]>;

const key: StoreKey = storeKey("client/tabs");

/** See the module. One thing is said after the other. */
export class Said {
  /** What facades mirror. */
  readonly carry: ObservableValue<Carry>;
  readonly #core: Pick<Core, "ledger" | "onError">;
  /** Tabs that the row was written for, under former leaders, and that live still. */
  readonly #former: readonly string[];
  readonly #tabs = new Set<string>();
  #values: SaidValues;
  /** Grows with everything that is said: tells what a facade has mirrored from what was said after that. */
  #turn: number;
  /** The row does not say what is true now. */
  #stale = false;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(core: Pick<Core, "ledger" | "onError">, former: readonly string[], values: SaidValues, turn: number) {
    this.#core = core;
    this.#former = former;
    this.#values = values;
    this.#turn = turn;
    this.carry = new ObservableValue<Carry>(mirrored(values, turn), core.onError);
  }

  /** Reads what former leaders have left. @throws ClientError `ERR_RECORD_INVALID`, StorageError, what `living` throws */
  static async load(core: Pick<Core, "ledger" | "onError">, living: Living): Promise<Said> {
    const bytes = await core.ledger.read((tx) => tx.get(key));
    if (bytes === undefined) return new Said(core, [], {}, 0);
    const { tabs, values, turn } = decodeRow(bytes);
    const former = await living(tabs);
    if (former.length > 0) return new Said(core, former, values, turn);
    await core.ledger.run((tx) => { tx.delete(key); }); // of a session that is over
    return new Said(core, [], {}, 0);
  }

  /** What was said last. */
  get values(): SaidValues {
    return this.#values;
  }

  /**
   * Before anything is said under this leader: what a facade has mirrored holds where it could not be stored, or was lost with the store. Never throws.
   * @param act makes it true, and resolves with what is true then
   */
  begin(carry: Carry, act: (holds: SaidValues) => Promise<SaidNews>): Promise<void> {
    const begun = this.#queue.then(async () => {
      const holds = this.#since(carry);
      if (holds !== undefined) await this.#store(await act(holds));
    }).catch(this.#core.onError);
    this.#queue = begun;
    return begun;
  }

  /** A tab is served: what is said holds as long as it lives. */
  meet(tab: string): void {
    if (this.#tabs.has(tab)) return;
    this.#tabs.add(tab);
    this.#stale = true;
    void this.keep({});
  }

  /** A tab is gone. In the row its name does no harm until the next writing: no other tab ever has it. */
  part(tab: string): void {
    this.#tabs.delete(tab);
  }

  /** Stores `news`, and nothing else is done. */
  keep(news: SaidNews): Promise<void> {
    return this.say(() => news, () => undefined);
  }

  /**
   * Stores what `news` tells, then calls `act`; the next one comes when that has returned. Where it cannot be stored, `act` is called all the same: nobody
   * stays visible for want of room.
   * @throws what `news` and `act` throw
   */
  async say<T>(news: () => SaidNews, act: () => T): Promise<T> {
    const turn = this.#queue.then(async () => {
      await this.#store(news());
      return { result: act() }; // which may take as long as the network does
    });
    this.#queue = turn.catch(() => undefined); // whoever says it is told
    return (await turn).result;
  }

  /** `undefined` if what was stored is as new as that. */
  #since({ own, context, list, turn }: Carry): SaidValues | undefined {
    const known = typeof turn === "number" ? turn : 0;
    if (this.#former.length > 0 && known <= this.#turn) return undefined;
    this.#turn = Math.max(this.#turn, known);
    this.#values = present({ connected: this.#values.connected });
    return present({ own, context, list });
  }

  async #store(news: SaidNews): Promise<void> {
    const next = present({ ...this.#values, ...news });
    const isNew = !sameData(next, this.#values);
    if (!isNew && !(this.#stale && Object.keys(next).length > 0)) return;
    this.#values = next;
    if (isNew) this.#turn += 1;
    this.#stale = false;
    const row = encodeRow({ tabs: [...new Set([...this.#former, ...this.#tabs])], values: next, turn: this.#turn });
    await this.#core.ledger.run((tx) => { tx.put(key, row); }).catch((error: unknown) => {
      this.#stale = true;
      this.#core.onError(error);
    });
    this.carry.set(mirrored(next, this.#turn));
  }
}

const mirrored = ({ own, context, list }: SaidValues, turn: number): Carry => ({ ...present({ own, context, list }), turn });

const present = (news: SaidNews): SaidValues => Object.fromEntries(Object.entries(news).filter(([, value]) => value !== undefined));

interface Row {
  readonly tabs: readonly string[];
  readonly turn: number;
  readonly values: SaidValues;
}

const encodeRow = ({ tabs, turn, values }: Row): Uint8Array => encodeJson({ tabs, turn, ...values });

function decodeRow(bytes: Uint8Array): Row {
  const record = decodeJson(bytes);
  const { tabs, connected } = record;
  if (!Array.isArray(tabs) || (connected !== undefined && typeof connected !== "boolean")) throw invalidRecord();
  return {
    tabs: tabs.map(String), turn: numberField(record, "turn"),
    values: {
      ...givenField(record, "own", decodeOwn), ...givenField(record, "context", (holder, field) => contextOf(asObject(holder[field]))),
      ...givenField(record, "list", stringField), ...(connected === undefined ? {} : { connected }),
    },
  };
}

/** Its content is checked where it is said again. */
function decodeOwn(record: Json, field: string): Availability {
  const own = asObject(record[field]);
  return choiceField(own, "kind", ["available", "unavailable"]) === "unavailable" ? { kind: "unavailable" } : own as unknown as Availability;
}

/** What is known of a context, from whomever it comes. */
export function contextOf({ inCall, idleSince }: { readonly [K in keyof PolicyContext]?: unknown }): PolicyContext {
  return {
    ...(typeof inCall === "boolean" ? { inCall } : {}), ...(typeof idleSince === "number" && Number.isFinite(idleSince) ? { idleSince } : {}),
  };
}
