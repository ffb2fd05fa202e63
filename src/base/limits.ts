/** Every limit with its reason. All are defaults of options; tests try n-1, n, n+1 (threats section "Default limits", L). @module */

/** Bytes of one stanza before login: nobody unauthenticated needs more. */
export const stanzaBytesBeforeLoginMax: number = 64 * 1024;
/** Bytes of one stanza after login: the largest real stanzas (archive results with many keys) stay far below. */
export const stanzaBytesMax: number = 1024 * 1024;
/** Nesting of elements in one stanza; tree walks may recurse to this depth. */
export const xmlDepthMax: number = 100;
/** Attributes of one element. */
export const xmlAttributesMax: number = 64;
/** UTF-16 code units of one attribute value. */
export const xmlAttributeLengthMax: number = 16 * 1024;
/** Children of one element. */
export const xmlChildrenMax: number = 10_000;
/** Milliseconds until an IQ without an answer fails. */
export const iqTimeoutMs: number = 30_000;
/** IQs waiting for an answer at a time. */
export const iqOpenMax: number = 1_000;
/** Milliseconds for each phase of connecting: socket, TLS, stream header, authentication, binding. */
export const connectPhaseTimeoutMs: number = 15_000;
/** Milliseconds in which a begun stanza must be complete. */
export const stanzaTimeoutMs: number = 60_000;
/** Bytes of a domain's description of its services (threats N06). */
export const hostMetaBytesMax: number = 64 * 1024;
/** Services of a domain that are looked at. */
export const servicesMax: number = 10;
/** Other hosts that a server may send us to while connecting (threats N05). */
export const redirectsMax: number = 3;
/** Milliseconds before the first of them is tried, at most; doubled each time. */
export const redirectDelayMsMax: number = 1_000;
/** Stanzas after which the server is asked what it has (XEP-0198). */
export const ackStanzasMax: number = 10;
/** Milliseconds after a stanza by which the server is asked at the latest. */
export const ackDelayMsMax: number = 1_000;
/** Milliseconds in which the server must answer such a question; then the link counts as dead (threats N19). */
export const ackAnswerMs: number = 30_000;
/** Bytes per second of the slowest link, or of the strictest rate limit, that is not taken for a dead one. */
export const slowLinkBytesPerSecond: number = 4 * 1024;
/** Milliseconds without a sign of life after which a link is probed. */
export const linkProbeMs: number = 60_000;
/** Stanzas that wait for the first listener of a stream. */
export const unreadStanzasMax: number = 1_000;
/** Milliseconds that a clean close waits for the server's half. */
export const closeTimeoutMs: number = 2_000;
/** SCRAM rounds: fewer are too weak (RFC 7677 section 4), more are an attack on our CPU. */
export const scramIterationsMin: number = 4_096;
export const scramIterationsMax: number = 1_000_000;
/** Bytes of salt below which a SCRAM challenge is refused. */
export const scramSaltBytesMin: number = 8;
/** Bytes of a stanza we send when the server announces no limit of its own. */
export const sendStanzaBytesMax: number = 256 * 1024;

/** Entries of a device list that are looked at. */
export const deviceListEntriesMax: number = 512;
/** Bytes of one bundle. */
export const bundleBytesMax: number = 128 * 1024;
/** One-time prekeys of one bundle that are looked at. */
export const bundlePreKeysMax: number = 1_000;
/** Entries for this device that are tried in one message (threats R16). */
export const keyEntriesTriedMax: number = 2;
/** XEP-0384 #protocol-double_ratchet recommends about 1000; more lets one message cost too much. */
export const skippedKeysPerMessageMax: number = 1_000;
/** Steps along chains that one message may cost over all its entries and all sessions before it has proved authentic (threats R08, L01). */
export const unprovenStepsMax: number = 1_000;
/** The same per session; more lets one peer fill our disk. */
export const skippedKeysPerSessionMax: number = 1_000;
/** Skipped keys of all sessions together; the oldest sessions' keys leave first (threats R09). */
export const skippedKeysTotalMax: number = 100_000;
/** Old receiving chains kept per session, as the libsignal family does. */
export const receivingChainsMax: number = 5;
/** Replaced sessions kept per device so that late messages still decrypt (threats R12). */
export const archivedSessionsMax: number = 10;
/** Days after which an archived session is dropped. */
export const archivedSessionAgeMsMax: number = 30 * 24 * 60 * 60 * 1000;
/** Devices per account that its list does not name and about whose key nobody has decided; the oldest leave (threats L02, T02). */
export const unlistedDevicesPerContactMax: number = 64;
/** Keys per account that no device has (any more) and nobody has decided about; the oldest leave: otherwise each new key costs a row. */
export const unusedKeysPerContactMax: number = 64;
/** Key exchanges that may share one of our prekeys until it is settled; each is remembered, so that none is taken twice (threats R04). */
export const exchangesPerPreKeyMax: number = 16;
/** Remembered device lists of accounts that we have nothing to do with; the oldest leave (threats H06, L02). */
export const strangersListsMax: number = 64;
/** Events about new keys of one account, and about changed keys of one device, within {@link keyEventsWindowMs}; the keys are recorded all the same. */
export const newKeyEventsMax: number = 64;
export const changedKeyEventsMax: number = 3;
/** Milliseconds. */
export const keyEventsWindowMs: number = 60 * 60 * 1000;
/** Ids of former devices of ours that are kept out of our list; the oldest are forgotten. */
export const retiredDeviceIdsMax: number = 512;
/** Accounts whose device lists are remembered as fresh; the oldest are fetched again. */
export const freshDeviceListsMax: number = 1_000;
/** Code points of a device label. */
export const deviceLabelCodePointsMax: number = 53;
/** One-time prekeys in our bundle; refilled to this number before each publication (XEP-0384 #usecases-announcing asks for about 100, 25 at least). */
export const oneTimePreKeysCount: number = 100;
/** Signed prekey rotation: a week; the previous one is kept for one more period. */
export const signedPreKeyRotationMs: number = 7 * 24 * 60 * 60 * 1000;
/** A heartbeat answers the first message of a chain with at least this counter (XEP-0384 #rules). */
export const heartbeatCounter: number = 53;
/** Plaintext bytes of one message: a stanza with its keys must stay below the send limit. */
export const plaintextBytesMax: number = 128 * 1024;
/** Milliseconds by which the time inside a live message may differ from now before it is flagged (threats E03). */
export const messageTimeToleranceMs: number = 10 * 60 * 1000;
/** Bundles asked for in one request: the answer stays below `stanzaBytesMax` though servers accept items of 256 KiB. */
export const bundlesPerRequestMax: number = 3;
/** Requests for device lists and bundles of one call that are on their way at a time. */
export const directoryRequestsMax: number = 8;
/** Archived messages asked for in one page when the caller does not say, and at most: a page is held in memory as a whole. */
export const archivePageDefault: number = 50;
export const archivePageMax: number = 100;
/** Milliseconds for one page: its results come ahead of the answer, and a slow link needs longer for them than for an answer. */
export const archiveTimeoutMs: number = 120_000;
/** Read positions fetched at once: the answer stays below `stanzaBytesMax`. */
export const readPositionsMax: number = 1_000;
