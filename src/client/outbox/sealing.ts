/**
 * Sealing the waiting entries of one conversation in one commit: their final bytes and the new ratchet states. One entry that cannot be
 * sealed does not hold back the others (threats Q13), unless what it lacks may come: then order counts, and all wait.
 * Spec: docs/architecture.md, The commit rule; XEP-0384 #usecases-messagesend. Not here: the network (Omemo.prepare is called before).
 * @module
 */
import { invariant } from "../../base/errors.js";
import type { BareJid } from "../../base/jid.js";
import { xml, type XmlElement } from "../../base/xml.js";
import type { Omemo } from "../../session/omemo.js";
import type { DeviceReport, SealOutcome, SendPlan } from "../../session/outcome.js";
import type { Transaction } from "../../session/transaction.js";
import { StorageError } from "../../storage/errors.js";
import { encryptedMessage } from "../../transport/xep/message.js";
import { clientNamespace } from "../../transport/xep/namespaces.js";
import { receiptRequest } from "../../transport/xep/xep0184.js";
import { markable } from "../../transport/xep/xep0333.js";
import { encodeOriginId } from "../../transport/xep/xep0359.js";
import { isDamaged } from "../damaged.js";
import { type AnySottoError, asSottoError, ClientError } from "../errors.js";
import { type OutboxEntry, unreadableEntry } from "./entry.js";
import { contentElements, sealedStanza } from "./entry-elements.js";
import type { Rows } from "./rows.js";
import type { Slot } from "./slots.js";

/** A sealed entry, ready to be written. */
export interface ReadyEntry {
  readonly slot: Slot;
  readonly stanza: XmlElement;
  readonly bytes: number;
}

/** One that was sealed before; nothing where there is no entry any more. */
export function readyEntry(slot: Slot, entry: OutboxEntry | "damaged" | undefined): ReadyEntry | "damaged" | undefined {
  if (entry === undefined || entry === "damaged") return entry;
  try {
    return { slot, stanza: sealedStanza(entry), bytes: entry.sealed?.length ?? 0 };
  } catch (error) {
    if (!isDamaged(error)) throw error;
    return "damaged";
  }
}

/** What became of a batch. */
export interface Sealed {
  readonly ready: readonly ReadyEntry[];
  /** The first one that has to wait, and why; those after it were not tried. */
  readonly obstacle?: { readonly slot: Slot; readonly error: AnySottoError; readonly report: readonly DeviceReport[] };
}

export interface SealingDeps {
  readonly rows: Rows;
  readonly omemo: Pick<Omemo, "seal">;
}

type Attempt =
  | { readonly kind: "sealed"; readonly stanza: XmlElement; readonly bytes: number }
  | { readonly kind: "refused"; readonly error: AnySottoError; readonly report: readonly DeviceReport[] };

/**
 * Seals what of `batch` is still there. `plan` is absent if nothing in it is to be encrypted.
 * @param content of the one entry of the batch, for one that is stored by the same transaction
 */
export async function sealBatch(
  tx: Transaction, deps: SealingDeps, batch: readonly Slot[], plan: SendPlan | undefined, content?: readonly XmlElement[],
): Promise<Sealed> {
  const ready: ReadyEntry[] = [];
  const found = await deps.rows.readAhead(tx, batch);
  for (const [i, slot] of batch.entries()) {
    const entry = found[i];
    if (entry === undefined) continue; // cancelled
    if (entry === "damaged") {
      await deps.rows.fail(tx, slot.id, unreadableEntry());
      continue;
    }
    const attempt = await tryToSeal(tx, deps, slot, entry, plan, content ?? slot.content);
    if (attempt.kind === "sealed") ready.push({ slot, stanza: attempt.stanza, bytes: attempt.bytes });
    else if (attempt.error.retryable) return { ready, obstacle: { slot, error: attempt.error, report: attempt.report } };
    else await deps.rows.fail(tx, slot.id, attempt.error, attempt.report);
  }
  return { ready };
}

async function tryToSeal(
  tx: Transaction, deps: SealingDeps, slot: Slot, entry: OutboxEntry, plan: SendPlan | undefined, kept: readonly XmlElement[] | undefined,
): Promise<Attempt> {
  try {
    return await tx.attempt(async (inner): Promise<Attempt> => {
      const given = kept ?? contentElements(entry);
      const content = entry.purpose === "message" ? [...given, receiptRequest(), markable()] : given;
      const built = await build(inner, deps, entry, content, plan);
      if (built.kind === "refused") return built;
      const text = await deps.rows.seal(inner, slot, entry, built.stanza, built.report);
      return { kind: "sealed", stanza: built.stanza, bytes: text.length };
    });
  } catch (error) {
    // Of the store, or of what is known of devices; not of this message.
    if (error instanceof StorageError || (isDamaged(error) && !(error instanceof ClientError))) throw error;
    return { kind: "refused", error: asSottoError(error), report: [] };
  }
}

type Built = { readonly kind: "built"; readonly stanza: XmlElement; readonly report: readonly DeviceReport[] };

async function build(
  tx: Transaction, deps: SealingDeps, entry: OutboxEntry, content: readonly XmlElement[], plan: SendPlan | undefined,
): Promise<Built | Extract<Attempt, { kind: "refused" }>> {
  const { to, id } = entry;
  // In clear text only where somebody asked for exactly that (threats T05).
  if (entry.protection === "none") {
    return { kind: "built", stanza: xml(clientNamespace, "message", { to, id, type: "chat" }, ...content, encodeOriginId(id)), report: [] };
  }
  invariant(plan !== undefined, "a message is to be encrypted without a plan");
  const outcome = await deps.omemo.seal(tx, plan, content, { to });
  if (outcome.kind !== "sealed") return { kind: "refused", error: unreachable(outcome, to), report: outcome.report };
  return { kind: "built", stanza: encryptedMessage({ to, id, message: outcome.message }), report: outcome.report };
}

function unreachable(outcome: Exclude<SealOutcome, { readonly kind: "sealed" }>, to: BareJid): ClientError {
  const details = { devices: outcome.report.filter(({ device }) => device.jid === to).length }; // the report names our own ones, too
  if (outcome.kind === "no-omemo") return new ClientError("ERR_NO_OMEMO", "no OMEMO device of the contact can be seen; sendUnencrypted() is the explicit alternative", { details });
  return new ClientError("ERR_NO_TRUSTED_DEVICE", "no device of the contact may or can get the message", { details, retryable: outcome.retryable });
}
