/**
 * The privacy lists of the account as a policy finds them, and the names of its own.
 * Spec: XEP-0016. Threats V02. Not here: what becomes of them (compile.ts).
 * @module
 */
import { TransportError } from "../../transport/errors.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import type { Connection } from "../link.js";

export interface AccountLists {
  /** The default list, which an active one replaces; on ejabberd it holds the blocks. */
  readonly standard: readonly PrivacyRule[];
  /** Lists that an earlier run of this device left. */
  readonly ours: readonly string[];
}

/** True if the server has no privacy lists. */
export const isUnsupported = (error: unknown): boolean => error instanceof TransportError && error.code === "ERR_PRIVACY_LISTS_UNSUPPORTED";

/** `undefined`: the server has none. @throws TransportError */
export async function readLists({ iq, signal }: Connection, prefix: string): Promise<AccountLists | undefined> {
  const service = new PrivacyListsService({ iq });
  try {
    const { names, default: standard } = await service.lists(signal);
    const rules = standard === undefined ? [] : (await service.get(standard, signal)).rules;
    return { standard: rules, ours: names.filter((name) => name.startsWith(prefix)) };
  } catch (error) {
    if (isUnsupported(error)) return undefined;
    throw error;
  }
}

/** Names that this device gives to its lists: one after the other, never the same twice. */
export class ListNames {
  readonly #prefix: string;
  #next = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** These were given by an earlier run. */
  skip(names: readonly string[]): void {
    this.#next = names.reduce((most, name) => Math.max(most, (Number.parseInt(name.slice(this.#prefix.length), 36) || 0) + 1), this.#next);
  }

  next(): string {
    return `${this.#prefix}${(this.#next++).toString(36)}`;
  }
}
