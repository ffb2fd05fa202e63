/** What presence needs of the rest of the client. Not here: what is done with it (presence.ts). @module */
import type { Clock } from "../../base/clock.js";
import type { BareJid } from "../../base/jid.js";
import type { OwnCapabilities } from "../../transport/features/caps.js";
import type { ClientEvent } from "../events.js";
import type { PresenceContacts } from "./contact-watch.js";
import type { LoadPolicy } from "./policy-door.js";

export interface PresenceDeps {
  readonly account: BareJid;
  readonly clock: Clock;
  readonly contacts: PresenceContacts;
  readonly capabilities: OwnCapabilities;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
  /** Why there is no stream, for whoever needs one. */
  readonly offline: () => Error;
  readonly loadPolicy?: LoadPolicy;
}
