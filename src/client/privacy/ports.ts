/** What privacy lists need of the rest of the client, and what their calls take. @module */
import type { BareJid } from "../../base/jid.js";
import type { ClientEvent } from "../events.js";
import type { PrivacyRoster } from "./evaluate.js";

export interface PrivacyListsDeps {
  readonly account: BareJid;
  /** For the names of lists that take another's place: 8 letters or digits. */
  readonly newSuffix: () => string;
  /** The roster as the server has it; what rules about groups and subscriptions are judged by. */
  readonly roster: PrivacyRoster;
  /** True while a presence policy owns the active list. */
  readonly isOwned: () => boolean;
  /** Called after every change of ours, whatever became of it: Prosody pushes nothing for another default list. */
  readonly changed?: () => void;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
  /** Why there is no stream, for whoever needs one. */
  readonly offline: () => Error;
}

/** What every call takes that goes to the server. */
export interface PrivacyCall {
  readonly signal?: AbortSignal | undefined;
}
