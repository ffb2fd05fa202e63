/** Limits with their reasons: those of more than one part. What one file alone keeps to stands there (docs/threats.md, Default limits). @module */

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
/** Milliseconds in which a begun stanza must be complete, beside those that its bytes take at slowLinkBytesPerSecond. */
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
/** The same for the first question on a connection that goes on with a session: whoever has just logged us in is there. */
export const resumedAnswerMs: number = 10_000;
/** Milliseconds in which it must answer also if it sends other things meanwhile, which the answer has to queue behind. */
export const ackAnswerBusyMs: number = 300_000;
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
/** Skipped keys of all sessions together; beyond it the account that holds most loses those of its oldest sessions (threats R09). */
export const skippedKeysTotalMax: number = 100_000;
/** Old receiving chains kept per session, as the libsignal family does. */
export const receivingChainsMax: number = 5;
/** Replaced sessions kept per device so that late messages still decrypt (threats R12). */
export const archivedSessionsMax: number = 10;
/** Milliseconds after which an archived session is not used any more; its row goes by number only, since clocks jump (threats Q18). */
export const archivedSessionAgeMsMax: number = 30 * 24 * 60 * 60 * 1000;
/** Devices per account that its list does not name and about whose key nobody has decided; the oldest leave (threats L02, T02). */
export const unlistedDevicesPerContactMax: number = 64;
/** Keys per account that no device has (any more) and nobody has decided about; the oldest leave: otherwise each new key costs a row. */
export const unusedKeysPerContactMax: number = 64;
/** Key exchanges that may share one of our prekeys until it is settled; each is remembered, so that none is taken twice (threats R04). */
export const exchangesPerPreKeyMax: number = 16;
/** Of these, those of one account: nobody uses up a prekey alone that others may have drawn too (threats R24). */
export const exchangesPerPreKeyOfAccountMax: number = 4;
/** Remembered device lists of accounts that we have nothing to do with; the oldest leave (threats H06, L02). */
export const strangersListsMax: number = 64;
/** Events about new keys of one account, and about changed keys of one device, within {@link keyEventsWindowMs}; the keys are recorded all the same. */
export const newKeyEventsMax: number = 64;
export const changedKeyEventsMax: number = 3;
/** Milliseconds. */
export const keyEventsWindowMs: number = 60 * 60 * 1000;
/** Ids of former devices of ours that are kept out of our list; the oldest are forgotten. */
export const retiredDeviceIdsMax: number = 512;
/** Milliseconds for which a fetched or announced device list needs no new look: not everybody sends us notifications. */
export const listFreshMs: number = 10 * 60 * 1000;
/**
 * Times within {@link listFreshMs} that messages of devices which an account's list lacks make us look at it early. Each look is a request before one
 * of our own sends; nobody adds so many devices in that time, but somebody may write from any number of ids.
 */
export const listDoubtsMax: number = 5;
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
/** Milliseconds without a result after which a page may have been passed over, and before something in it is given up. */
export const archiveQuietMs: number = 3_000;
export const archiveQuietLongMs: number = 15_000;
/** Read positions fetched at once: the answer stays below `stanzaBytesMax`. */
export const readPositionsMax: number = 1_000;
/** Code points of a status text, and languages it may come in, of one presence: more is no status (threats V06). */
export const statusLengthMax: number = 1_024;
export const statusLanguagesMax: number = 8;
/** Code points of a nickname or of another name that somebody chose (threats F20). */
export const nicknameLengthMax: number = 128;
/** Resources of one contact that are kept, and addresses whose presence is kept (threats V06, H06); the least important leave. */
export const resourcesPerContactMax: number = 20;
export const presentContactsMax: number = 10_000;
/** Addresses that presence is directed to at a time: each is told when we leave. */
export const directedPresenceMax: number = 1_000;
/** Lists of capabilities that are kept: those proven by their hash, and those that hold for one address only; the oldest leave (threats F23, H06). */
export const provenCapsMax: number = 500;
export const addressCapsMax: number = 200;
/** UTF-16 code units of one such list in all: the longest of real clients have a fifth of it. */
export const capsLengthMax: number = 16 * 1024;
/** Requests for capabilities that are on their way at a time, and that may wait: more are refused. */
export const capsRequestsMax: number = 8;
export const capsRequestsWaitingMax: number = 1_000;
/** Code points of one text inside a personal event. */
export const personalTextLengthMax: number = 512;
/** Bytes of an avatar that is published: its base64 has to fit into a stanza of servers that accept 256 KiB. */
export const avatarPublishedBytesMax: number = 128 * 1024;
/** Bytes of one that is fetched: its base64 stays below `stanzaBytesMax`. */
export const avatarBytesMax: number = 512 * 1024;
/** Formats of one avatar that are looked at. */
export const avatarFormatsMax: number = 16;
/** Entries of one answer to disco#items that are read (threats H06). */
export const discoItemsMax: number = 1_000;
/** Fields of one data form, options of one of its fields, values of one of them: more is no form for people. Beyond: the whole form is refused. */
export const formFieldsMax: number = 128;
export const formOptionsMax: number = 512;
export const formValuesMax: number = 256;
/** Characters of one value, name or option in a form; and code points of a label and of a paragraph that are shown (threats F20). */
export const formValueLengthMax: number = 4_096;
export const formLabelLengthMax: number = 256;
export const formTextLengthMax: number = 4_096;
/** Services that one search for gateways asks, at once, and milliseconds for each: one that never answers must not hold up the others (threats L04). */
export const gatewaysAskedMax: number = 128;
export const gatewaysAskedAtOnceMax: number = 8;
export const gatewayTimeoutMs: number = 10_000;
/** Gateways that are remembered, and domains known to be none; the oldest are forgotten. */
export const gatewaysMax: number = 256;
export const plainDomainsMax: number = 1_000;
/**
 * Domains of conversations that a client asks by itself in one run whether they are gateways, and in one minute: a service that writes to
 * everybody must not fill its memory with domains, nor look like somebody who searches the network.
 */
export const domainsAskedMax: number = 1_000;
export const domainsAskedPerMinuteMax: number = 30;
/** Contacts of another network that one call takes over, and groups of one of them. */
export const legacyContactsMax: number = 1_000;
export const legacyGroupsMax: number = 16;
/** Code points of a contact's or a group's name that a gateway proposes. */
export const legacyNameLengthMax: number = 128;
/** Contacts of a roster that are kept; servers allow fewer, and more would not fit into one answer. */
export const rosterContactsMax: number = 10_000;
/** Groups of one contact, and UTF-16 code units of a group's or a contact's name: RFC 7622 parts have as many bytes, and nobody needs more. */
export const rosterGroupsMax: number = 100;
export const rosterNameLengthMax: number = 1_023;
/** Code points of a contact's name as it is shown (threats F20). */
export const contactNameLengthMax: number = 256;
/** Requests to see our presence that wait for an answer; the oldest leave, and the server tells them again (threats H06). */
export const subscriptionRequestsMax: number = 1_000;
/** Items of one proposal to change the roster (XEP-0144 #bizrules: more than 150 or 200 are suspicious). */
export const suggestedContactsMax: number = 200;
/** Questions for the roster when a change comes while the answer is under way and the two disagree. */
export const rosterQuestionsMax: number = 3;
/** Contacts of an import that are on their way at a time. */
export const rosterImportsAtOnceMax: number = 8;
/** Presences kept of addresses that are no contacts (yet): the confirmation of a subscription may be stored a moment after the first presence came. */
export const unclaimedPresenceMax: number = 100;

/** Messages in the strangers' box, of one sender and in all: a flood drives out its own first (threats L02, H06). */
export const strangersMessagesPerSenderMax: number = 100;
export const strangersMessagesMax: number = 1_000;
/** Bytes of the whole box: a message in clear text can be as large as a stanza. */
export const strangersBytesMax: number = 8 * 1024 * 1024;
/** Groups, people, and rules by time of one entry of a contact policy: more than anybody writes, and each is looked at per message. */
export const contactRulesMax: number = 1_000;
/** Queries of one asker, and of all strangers, that are answered within {@link queriesWindowMs} (threats V03, F24): a contact has several devices. */
export const queriesPerAskerMax: number = 30;
export const queriesTotalMax: number = 100;
/** Milliseconds. */
export const queriesWindowMs: number = 60_000;
/** Milliseconds for which a bundle that a stranger has used up a key of stays as it is, at least; up to twice as long (threats V03). */
export const unhurriedRepublishMs: number = 60 * 60 * 1000;

/** Blocked addresses that are kept: servers keep far fewer, and each costs memory as long as the client lives (threats H06). */
export const blockedAddressesMax: number = 20_000;
/** Milliseconds for what is to be said to somebody before he is blocked: the block must not wait for ever. */
export const beforeBlockMs: number = 5_000;

/** Rules of a presence policy by contact, by group, and choices of one rule: more than anybody writes, and each is looked at per contact. */
export const policyRulesMax: number = 5_000;
export const policyChoicesMax: number = 16;
/** Contacts that one presence policy lets see us: each is an item of one privacy list, and the list has to fit into one stanza (256 KiB). */
export const policyVisibleMax: number = 2_000;
/** Milliseconds for the withdrawal of what a policy has shown, before a clean end of the stream. */
export const policyFarewellMs: number = 4_000;
/** Milliseconds before a policy that the server refused is tried again; doubles up to the second. */
export const policyRetryMs: number = 5_000;
export const policyRetryMsMax: number = 5 * 60 * 1000;

/** Conversations that a list shows unless asked for more, and at most: each holds its last message in memory. */
export const conversationsShownDefault: number = 100;
export const conversationsShownMax: number = 1_000;
/** Unread messages of one conversation that are counted one by one; nobody tells higher numbers apart, and each is a number in memory. */
export const unreadMax: number = 999;

/**
 * Bytes that a browser's store keeps aside for the device's own state (threats D06): some hundred received messages. More than 64 KiB,
 * or Chromium keeps it inside its log, where deleting frees nothing at once.
 */
export const storeReserveBytes: number = 1024 * 1024;
/** Milliseconds for opening or removing a browser's database: requests behind somebody who does not let go are not always told so. */
export const storeOpenTimeoutMs: number = 10_000;
/** Milliseconds after which a database that the browser has closed is opened again unasked, to learn whether it was evicted; doubles. And how often; counted anew after each transaction. */
export const storeReopenMs: number = 50;
export const storeReopensMax: number = 3;

/** Milliseconds a leading tab has for its answer, while a visible one waits; then it counts as frozen and another takes over (within a second, with the rest). */
export const leaderAnswerMsMax: number = 600;
/** Milliseconds between two questions to a leader that answers, while a visible tab waits: with the time for an answer and a start below a second. */
export const leaderQuestionGapMs: number = 250;
/** Milliseconds for a clean end of the stream before the next tab may lead; a client that hangs must not hold it up for ever. */
export const leaderCloseMsMax: number = 10_000;
/** Milliseconds for which a leader keeps the lock once it has told the other tabs that there is no store to be opened any more: locks overtake messages. */
export const leaderLossHeardMs: number = 1_000;
/** Attempts of a new leader to open the store, and milliseconds before the second; doubles: a frozen tab's transaction can block it for a minute. */
export const leaderOpenAttemptsMax: number = 8;
export const leaderOpenRetryMs: number = 250;
/** How often a leader tries to take the store over when somebody else does so each time between its look and its turn. */
export const storeTakeOversMax: number = 8;
/** Milliseconds after which a store that ended under a leader is forgotten: within them {@link leaderOpenAttemptsMax} are opened anew, later each time, and then none. */
export const storeLossesForgottenMs: number = 60_000;
/** Milliseconds a page has for the first answer of its worker, whose script may still be on its way; then the worker counts as one that does not start. */
export const workerStartMsMax: number = 30_000;
/**
 * Milliseconds for which a page that is being frozen keeps its thread, so that its worker, which is stopped right after, lets go of its transactions
 * before: many turns of a worker at work (it keeps its thread for threadKeptMs at a time), also where other processes have the processor meanwhile.
 * The page is hidden. Only on the way into the back/forward cache could the user notice, as a navigation that takes so much longer.
 */
export const workerFreezeHoldMs: number = 250;
/** Frames of other tabs that wait until a new leader has opened the store; whoever finds no room says all of it again then. */
export const leaderEarlyFramesMax: number = 10_000;
/** Milliseconds for which a piece of work keeps the thread before others get it: half a frame of a page at 60 frames a second, so that what runs beside it fits in. */
export const threadKeptMs: number = 8;

/** Addresses that are no contacts and whose view of the user is followed for other tabs: each costs a look at the rules with every change of them. */
export const effectiveAskedMax: number = 1_000;
/** Milliseconds after which contacts' comings and goings are looked at for what they may see of us: a look at every contact, so not with each of them. */
export const effectiveDelayMs: number = 1_000;
/** Conversations whose last outcome a tab's inbox remembers, in case the leader goes before it has settled it. */
export const inboxOutcomesMax: number = 1_000;
