/**
 * The port between what the user says of himself and who gets to see it. One announcer at a time writes all broadcast and withdrawn
 * presence of a client: without a policy the plain one, with a policy the one that keeps its rules.
 * Spec: RFC 6121 section 4; docs/architecture.md, Presence. Threats V01. Not here: what others say of themselves (presence.ts).
 * @module
 */
import type { Jid } from "../../base/jid.js";
import type { PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { Connection } from "../link.js";
import type { StreamPart } from "../stream-part.js";

/** What the user says of himself. `unavailable` sends no presence at all: the server shows nobody that this client is there, nor gives it messages to the bare address. */
export type Availability = { readonly kind: "unavailable" } | ({ readonly kind: "available" } & PresenceContent);

/** Shows an availability to those who may see it. Calls come one after the other, never two at a time. */
export interface PresenceAnnouncer extends StreamPart {
  /**
   * The roster is there: everything up to and with the first presence. Called once for a fresh stream - which may hold what another process of
   * ours has shown if `stream.start.kind` is `resumed` - and when this announcer takes over from another one in the middle of a stream: then
   * the other one's presence stands, and is this one's to lower.
   * @throws an error if the stream is of no use for presence, retryable or not; then nobody was shown anything
   */
  begin(connection: Connection, availability: Availability): Promise<void>;
  /** The user's own availability changed, or what goes with every presence of ours (capabilities). Resolves when the stream has it. */
  changed(availability: Availability): Promise<void>;
  /** What the user says by now, while another call may be under way that shows him otherwise; {@link changed} follows. */
  foresee?(availability: Availability): void;
  /** The next {@link changed} says everything again, whether it is another or not. An announcer without this method always does. */
  repeat?(): void;
  /** Before a clean end of the stream. Never throws. */
  farewell(connection: Connection): Promise<void>;
  /**
   * What of `content` may be shown to `to`, for presence that the application directs to somebody. `undefined`: nothing, and whatever `to` asks
   * this client goes unanswered, for an answer tells as much (threats F24). An announcer without this method allows everything.
   */
  limit?(to: Jid, content: PresenceContent): PresenceContent | undefined;
}
