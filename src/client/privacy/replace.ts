/**
 * A privacy list is changed so that at every moment, and after every failure, the old rules or the new ones are in force: the new list is
 * built and read back, activated, made the default, and only then the old one goes.
 * Spec: XEP-0016 #protocol-rules, #protocol-edit. Overwriting in place is not it: Prosody 0.12 keeps half of a list that it refuses.
 * @module
 */
import type { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { TransportError } from "../../transport/errors.js";
import { stanzaKinds, type PrivacyListContent, type PrivacyLists, type PrivacyRule } from "../../transport/xep/xep0016.js";
import { asSottoError, type AnySottoError } from "../errors.js";

/** The new rules, or what makes them of the present ones. */
export type RuleChange = readonly PrivacyRule[] | ((rules: readonly PrivacyRule[]) => readonly PrivacyRule[]);

/** A list that took another's place. */
export interface ReplacedList {
  /** Its name: a list cannot keep one and be replaced safely. */
  readonly name: string;
  /** Why the old list is still there; it is in force here no more. Usually another connection uses it (`ERR_PRIVACY_LIST_CONFLICT`). */
  readonly left?: AnySottoError;
}

/** What is replaced, and how. */
export interface Replacement {
  readonly name: string;
  readonly change: RuleChange;
  /** For the new name. */
  readonly suffix: string;
  readonly signal?: AbortSignal | undefined;
  /** Told of each list that was read. */
  readonly read?: (name: string, content: PrivacyListContent) => void;
}

const suffixForm = /~[0-9A-Za-z_-]{8}$/;

/** True if both say the same, in the same order. */
export function sameRules(a: readonly PrivacyRule[], b: readonly PrivacyRule[]): boolean {
  return JSON.stringify(a.map(canonical)) === JSON.stringify(b.map(canonical));
}

const canonical = ({ action, match, kinds = [] }: PrivacyRule): unknown =>
  [action, match.kind, match.kind === "jid" ? match.jid : match.kind === "group" ? match.group : match.kind === "subscription" ? match.subscription : "",
    stanzaKinds.filter((kind) => kinds.includes(kind))];

/**
 * Stores a list and reads it back: a server that drops or changes items gets no trust (threats V02).
 * @throws TransportError `ERR_PRIVACY_LIST_NOT_KEPT`
 */
export async function putVerified(service: PrivacyListsService, name: string, rules: readonly PrivacyRule[], signal?: AbortSignal): Promise<void> {
  await service.put(name, rules, signal);
  const kept = await service.get(name, signal);
  if (kept.dropped > 0 || !sameRules(kept.rules, rules)) {
    throw new TransportError("ERR_PRIVACY_LIST_NOT_KEPT", "the server did not keep the privacy list as it was sent", { details: { sent: rules.length, kept: kept.rules.length } });
  }
}

/**
 * Replaces a list. If it rejects, the old list is in force where it was, or (should that fail, too) the new one.
 * @throws TransportError `ERR_PRIVACY_LIST_UNKNOWN`, `ERR_PRIVACY_LIST_CONFLICT` (another connection uses the default list, on Prosody),
 *   `ERR_PRIVACY_LIST_CHANGED` (somebody else edited it meanwhile; retryable), `ERR_PRIVACY_LIST_NOT_KEPT`, and what requests throw
 */
export async function replaceList(service: PrivacyListsService, { name, change, suffix, signal, read }: Replacement): Promise<ReplacedList> {
  const state = await service.lists(signal);
  const before = await service.get(name, signal);
  read?.(name, before);
  // What could not be understood would be lost without anybody having said so.
  if (typeof change === "function" && before.dropped > 0) throw new TransportError("ERR_PRIVACY_LIST_NOT_KEPT", "the privacy list holds items that cannot be understood");
  const rules = typeof change === "function" ? change(before.rules) : change;
  const next = `${name.replace(suffixForm, "")}~${suffix}`;
  let after: PrivacyLists;
  try {
    await putVerified(service, next, rules, signal);
    const now = await service.get(name, signal);
    if (now.dropped !== before.dropped || !sameRules(now.rules, before.rules)) {
      throw new TransportError("ERR_PRIVACY_LIST_CHANGED", "the privacy list was edited meanwhile", { retryable: true });
    }
    if (state.active === name) await service.activate(next, signal);
    if (state.default === name) await service.setDefault(next, signal);
    after = await service.lists(signal);
    if ((state.active === name && after.active !== next) || (state.default === name && after.default !== next)) {
      throw new TransportError("ERR_PRIVACY_LIST_NOT_KEPT", "the server does not apply the privacy list");
    }
  } catch (error) {
    await goBack(service, state, name, next);
    throw error;
  }
  try {
    // Prosody would let us remove a list that is in force here, and with it all protection.
    if (after.active !== name && after.default !== name) await service.remove(name, signal);
    return { name: next };
  } catch (error) {
    return { name: next, left: asSottoError(error) };
  }
}

/**
 * The old list comes back into force where it was, and the new one goes unless it is in force: an answer may have been lost. Whatever fails
 * here leaves one of the two lists in force.
 */
async function goBack(service: PrivacyListsService, state: PrivacyLists, name: string, next: string): Promise<void> {
  const quietly = async (step: () => Promise<unknown>): Promise<void> => { await step().catch(() => undefined); }; // the first error is the one to tell
  await quietly(async () => {
    const now = await service.lists();
    if (now.default === next) await service.setDefault(name);
    if (now.active === next) await service.activate(state.active);
  });
  await quietly(async () => {
    const now = await service.lists();
    if (now.names.includes(next) && now.active !== next && now.default !== next) await service.remove(next);
  });
}
