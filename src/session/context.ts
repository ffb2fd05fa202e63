/** What the modules of session/ share: dependencies of one device in one OMEMO version. No state. @module */
import type { Clock } from "../base/clock.js";
import type { BareJid } from "../base/jid.js";
import type { Rng } from "../base/rng.js";
import type { CryptoProvider } from "../crypto/provider.js";
import type { OmemoEvent } from "./outcome.js";
import type { OmemoProfile } from "./profile.js";
import type { StoreKeys } from "./records/store-keys.js";
import type { Transaction } from "./transaction.js";

/** Handed to every function that needs more than its arguments. */
export interface SessionContext {
  readonly account: BareJid;
  readonly provider: CryptoProvider;
  readonly rng: Rng;
  readonly clock: Clock;
  readonly profile: OmemoProfile;
  readonly keys: StoreKeys;
  /** Emits the event once `tx` is durable. */
  emit(tx: Transaction, event: OmemoEvent): void;
}
