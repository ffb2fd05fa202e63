/**
 * What one login leaves for the next: the strongest mechanism seen, below which no later login goes, and the token that replaces the
 * password. One row; the token in it is a secret like a key (threats N07, N20).
 * Not here: logging in (transport/auth/).
 * @module
 */
import type { Ledger } from "../session/ledger.js";
import { storeKey, type Store, type StoreKey } from "../session/ports.js";
import type { FastToken, FastTokens } from "../transport/auth/fast.js";
import { mechanismNames, type MechanismName } from "../transport/auth/mechanism-names.js";
import { unlessDamaged } from "./damaged.js";
import { asObject, choiceField, decodeJson, encodeJson, givenField, numberField, optionalField, stringField } from "./json-record.js";

const key: StoreKey = storeKey("client/login");

interface Row {
  readonly floor?: MechanismName | undefined;
  readonly token?: FastToken | undefined;
}

/** The memory of one store. */
export class LoginMemory implements FastTokens {
  readonly #ledger: Ledger;
  #row: Row;

  private constructor(ledger: Ledger, row: Row) {
    this.#ledger = ledger;
    this.#row = row;
  }

  /** A row that cannot be read is told: the next login has the password, and only the floor of the options (threats D13, N07). */
  static async load(store: Store, ledger: Ledger, onError?: (error: unknown) => void): Promise<LoginMemory> {
    const row = await unlessDamaged(async () => {
      const bytes = await store.get(key);
      return bytes === undefined ? undefined : decodeRow(bytes);
    }, onError);
    return new LoginMemory(ledger, typeof row === "object" ? row : {});
  }

  /** The strongest mechanism that a login has succeeded with. */
  get floor(): MechanismName | undefined {
    return this.#row.floor;
  }

  /** A login has succeeded with `mechanism`: the next one does not take less. */
  async authenticated(mechanism: MechanismName): Promise<void> {
    if (mechanismNames.indexOf(mechanism) > mechanismNames.indexOf(this.#row.floor ?? "PLAIN")) await this.#save({ ...this.#row, floor: mechanism });
  }

  /** For {@link FastTokens}. */
  load(): Promise<FastToken | undefined> {
    return Promise.resolve(this.#row.token);
  }

  save(token: FastToken): Promise<void> {
    return this.#save({ ...this.#row, token });
  }

  async drop(): Promise<void> {
    if (this.#row.token !== undefined) await this.#save({ ...this.#row, token: undefined });
  }

  async #save(row: Row): Promise<void> {
    this.#row = row;
    await this.#ledger.run((tx) => { tx.put(key, encodeJson({ ...row })); });
  }
}

function decodeRow(bytes: Uint8Array): Row {
  const record = decodeJson(bytes);
  const floor = record["floor"] === undefined ? undefined : choiceField(record, "floor", mechanismNames);
  return { floor, token: optionalField(record, "token", (holder, field) => readToken(holder[field])) };
}

function readToken(value: unknown): FastToken {
  const record = asObject(value);
  return {
    mechanism: stringField(record, "mechanism"), secret: stringField(record, "secret"), clientId: stringField(record, "clientId"),
    ...givenField(record, "expiresAt", numberField),
  };
}
