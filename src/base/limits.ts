/** Every limit with its reason. All are defaults of options; tests try n-1, n, n+1 (threats section "Default limits", L). @module */

/** Bytes of one stanza before login: nobody unauthenticated needs more. */
export const stanzaBytesBeforeLoginMax = 64 * 1024;
/** Bytes of one stanza after login: the largest real stanzas (archive results with many keys) stay far below. */
export const stanzaBytesMax = 1024 * 1024;
/** Nesting of elements in one stanza; tree walks may recurse to this depth. */
export const xmlDepthMax = 100;
/** Attributes of one element. */
export const xmlAttributesMax = 64;
/** UTF-16 code units of one attribute value. */
export const xmlAttributeLengthMax = 16 * 1024;
/** Children of one element. */
export const xmlChildrenMax = 10_000;
/** Milliseconds until an IQ without an answer fails. */
export const iqTimeoutMs = 30_000;
/** IQs waiting for an answer at a time. */
export const iqOpenMax = 1_000;
/** Milliseconds for each phase of connecting: socket, TLS, stream header, authentication, binding. */
export const connectPhaseTimeoutMs = 15_000;
/** Milliseconds in which a begun stanza must be complete. */
export const stanzaTimeoutMs = 60_000;
/** Milliseconds that a clean close waits for the server's half. */
export const closeTimeoutMs = 2_000;
/** SCRAM rounds: fewer are too weak (RFC 7677 section 4), more are an attack on our CPU. */
export const scramIterationsMin = 4_096;
export const scramIterationsMax = 1_000_000;
/** Bytes of salt below which a SCRAM challenge is refused. */
export const scramSaltBytesMin = 8;
/** Bytes of a stanza we send when the server announces no limit of its own. */
export const sendStanzaBytesMax = 256 * 1024;

/** Entries of a device list that are looked at. */
export const deviceListEntriesMax = 512;
/** Bytes of one bundle. */
export const bundleBytesMax = 128 * 1024;
/** One-time prekeys of one bundle that are looked at. */
export const bundlePreKeysMax = 1_000;
/** Entries for this device that are tried in one message (threats R16). */
export const keyEntriesTriedMax = 2;
/** XEP-0384 #protocol-double_ratchet recommends about 1000; more lets one message cost too much. */
export const skippedKeysPerMessageMax = 1_000;
/** The same per session; more lets one peer fill our disk. */
export const skippedKeysPerSessionMax = 1_000;
/** Skipped keys of all sessions together; the oldest sessions' keys leave first (threats R09). */
export const skippedKeysTotalMax = 100_000;
/** Old receiving chains kept per session, as the libsignal family does. */
export const receivingChainsMax = 5;
/** Replaced sessions kept per device so that late messages still decrypt (threats R12). */
export const archivedSessionsMax = 10;
/** Days after which an archived session is dropped. */
export const archivedSessionAgeMsMax = 30 * 24 * 60 * 60 * 1000;
/** Code points of a device label. */
export const deviceLabelCodePointsMax = 53;
/** One-time prekeys in our bundle; refilled to this number, never published with fewer than the minimum. */
export const oneTimePreKeysCount = 100;
export const oneTimePreKeysMin = 25;
/** Signed prekey rotation: a week; the previous one is kept for one more period. */
export const signedPreKeyRotationMs = 7 * 24 * 60 * 60 * 1000;
/** A heartbeat answers the first message of a chain with at least this counter (XEP-0384 #rules). */
export const heartbeatCounter = 53;
/** Plaintext bytes of one message: a stanza with its keys must stay below the send limit. */
export const plaintextBytesMax = 128 * 1024;
/** Milliseconds by which the time inside a live message may differ from now before it is flagged (threats E03). */
export const messageTimeToleranceMs = 10 * 60 * 1000;
/** Bundles asked for in one request: the answer stays below `stanzaBytesMax` though servers accept items of 256 KiB. */
export const bundlesPerRequestMax = 3;
/** Requests for device lists and bundles of one call that are on their way at a time. */
export const directoryRequestsMax = 8;
