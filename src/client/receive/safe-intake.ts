/**
 * Letters into a transaction so that what one of them makes fail is its own matter: the others are taken in, and the stream goes on. Only a store
 * that fails as a whole ends it all.
 * Spec: threats D13, R06, Q06. Not here: what happens to one letter (intake.ts), order and commits (receiver.ts).
 * @module
 */
import { SottoError } from "../../base/errors.js";
import type { Transaction } from "../../session/transaction.js";
import { StorageError } from "../../storage/errors.js";
import { isDamaged } from "../damaged.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import { Consequences, Intake, type IntakeDeps, type Route } from "./intake.js";
import type { Letter } from "./letter.js";
import { type Notify, notifyReceipts } from "./receipts.js";

export interface SafeIntakeDeps extends IntakeDeps {
  readonly notify: Notify;
  /** Something cannot be read that letters are opened with: as part of `tx` it goes, or is written anew. */
  readonly mend: (tx: Transaction) => Promise<unknown>;
}

/** Takes in letters, and stores the receipts for them. */
export class SafeIntake {
  readonly #d: SafeIntakeDeps;
  readonly #intake: Intake;

  constructor(deps: SafeIntakeDeps) {
    this.#d = deps;
    this.#intake = new Intake(deps);
  }

  /** @throws StorageError of the store as a whole */
  async take(tx: Transaction, letter: Letter, route: Route, due: Consequences, isMended = false): Promise<void> {
    try {
      const own = new Consequences();
      await tx.attempt((inner) => this.#intake.take(inner, letter, route, own));
      due.followUps.push(...own.followUps);
      due.receipts.push(...own.receipts);
      due.rolledBack ||= own.rolledBack;
    } catch (error) {
      if (error instanceof StorageError && !isDamaged(error)) throw error;
      const known = asSottoError(error);
      if (!isMended) tx.afterCommit(() => { this.tell(known); });
      if (isMended || !isDamaged(error)) return this.#intake.refuse(tx, letter, known.code, route);
      await tx.attempt(this.#d.mend).catch(() => undefined); // then the letter says what is wrong
      await this.take(tx, letter, route, due, true);
    }
  }

  /** A receipt that finds no room in the outbox is told and left out; the message it is about is not. @throws StorageError */
  async notify(tx: Transaction, { receipts }: Consequences): Promise<void> {
    if (receipts.length === 0) return;
    try {
      await tx.attempt((inner) => notifyReceipts(inner, this.#d.notify, receipts));
    } catch (error) {
      if (!(error instanceof SottoError) || error instanceof StorageError) throw error;
      tx.afterCommit(() => { this.tell(asSottoError(error)); });
    }
  }

  /** An error event for the application. */
  tell(error: AnySottoError): void {
    this.#d.emit({ kind: "error", error });
  }
}
