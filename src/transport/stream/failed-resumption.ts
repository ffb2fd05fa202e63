/**
 * Sessions that a server takes up again and then does not go on with. Prosody 0.12 reads the new connection with the parser of the former
 * one: where that was cut within a stanza, all that follows counts as a part of it. It ends the stream, or is swallowed without a word.
 * Such a session is of no use, however often it is taken up; a new one is. Whatever else was wrong, a new session shows it as well.
 * Spec: XEP-0198 section 5. Threats Q02, Q13, N19. Decision: docs/decisions/0005-stream-management.md.
 * Not here: when it counts as swallowed (evidence.ts), what follows (client/reconnect.ts).
 * @module
 */
import { TransportError } from "../errors.js";

/**
 * `cause`: how the server ended the stream, which blames the resumption and no message; absent: it answered nothing. The next session may begin at once,
 * says `details.reason`, unless the server asks for another time: it may have said that to all (threats N18).
 */
export function failedResumption(cause?: TransportError): TransportError {
  return new TransportError("ERR_STREAM_CLOSED", "the server does not go on with the session that it has resumed", {
    retryable: true, details: cause?.retryable === true ? {} : { reason: "resumption" }, cause,
  });
}
