/**
 * Sotto: end-to-end encrypted messaging over XMPP, the same API in browsers and in Node.
 *
 * Start with {@link createClient}.
 * @module
 */
export { SottoClient } from "./client/client.js";
export { createClient } from "./client/create-client.js";
export type { OwnDevice } from "./client/client.js";
export type { ClientOptions } from "./client/options.js";
export type { LoginOptions, PasswordSource } from "./client/login-options.js";
export type { MechanismName } from "./transport/auth/mechanism-names.js";
export { Conversation } from "./client/conversation.js";
export type {
  Client, ClientBlocking, ClientContactPolicy, ClientConversation, ClientConversations, ClientGateways, ClientPersonalEvents, ClientPresence,
  ClientPrivacyLists, ClientRoster, ClientStrangers,
} from "./client/surface.js";
export type { MessageDraft } from "./client/draft.js";
export type { Inbox, InboxDelivery, InboxHandler, ProcessOptions } from "./client/inbox/types.js";
export type { Conversations, ConversationsSnapshot } from "./client/log/conversations.js";
export type { ConversationSummary } from "./client/log/conversation-tally.js";
export type { LogRange } from "./client/log/committed-log.js";
export type { Timeline, TimelineSnapshot } from "./client/log/timeline.js";
export type { SendHandle, SendProgress, SendState } from "./client/outbox/send-handle.js";
export type { Attention, Delivery, DeliveryState, Message, MessageSecurity } from "./client/message.js";
export type { Roster, RosterCall } from "./client/roster/roster.js";
export type { Contact, RosterChange, RosterSnapshot, Subscription, SubscriptionRequest } from "./client/roster/contact.js";
export type { ImportReport, RosterExport } from "./client/roster/exchange.js";
export type { ContactValues } from "./client/roster/values.js";
export type { Presence } from "./client/presence/presence.js";
export type { Availability } from "./client/presence/announcer.js";
export type { AvailabilityChange } from "./client/presence/availability.js";
export type { ContactPresence, ResourcePresence } from "./client/presence/contact-presence.js";
export type { AvailableEvent } from "./client/presence/contact-watch.js";
export type { OwnPersonalValues, PersonalEvents, PublishOptions } from "./client/presence/personal-events.js";
export type { PolicyContext } from "./client/presence/policy-door.js";
export type { Reason, Verdict } from "./client/presence-policy/compile.js";
export type { Level } from "./client/presence-policy/levels.js";
export type { Override } from "./client/presence-policy/policy-row.js";
export type { Condition, ConditionalRule, LevelRule, PolicyRules, Rule } from "./client/presence-policy/rules.js";
export type { CurrentPolicy, Effective, PolicyLoss, PolicyOptions, PolicyResult, PolicyState } from "./client/presence-policy/types.js";
export type { AccountPrivacyLists, PrivacyCall } from "./client/privacy/privacy-lists.js";
export type { JudgedKind, JudgedStanza, PrivacyVerdict } from "./client/privacy/evaluate.js";
export type { EvaluateOptions, PrivacyEvaluator } from "./client/privacy/evaluator.js";
export type { MeasuredServer } from "./client/privacy/measured.js";
export type { PrivacySnapshot } from "./client/privacy/snapshot.js";
export type { ReplacedList, RuleChange } from "./client/privacy/replace.js";
export type { BeforeBlock, Blocking, BlockOptions, BlockResult } from "./client/blocking/blocking.js";
export type { ContactPolicy } from "./client/contact-policy/contact-policy.js";
export type { AcceptOptions, Strangers } from "./client/contact-policy/strangers.js";
export type {
  Channel, ContactRules, Reach, ReachReport, ReachRules, Relation, Stranger, StrangerMessage, StrangerRules, Timed, TimedRule,
} from "./client/contact-policy/types.js";
export type { TimeWindow, Weekday } from "./client/time-window.js";
export type { Beyond } from "./client/gateways/from-data.js";
export type { Gateways } from "./client/gateways/gateways.js";
export type {
  CallOptions, Discovery, Gateway, GatewayStatus, LegacyContact, LegacyImportOptions, LegacyImportRefusal, LegacyImportReport, UnregisterReport,
} from "./client/gateways/ports.js";
export type { Queries, QueryAnswer, QueryAnswerOf, QueryAudience } from "./transport/features/queries.js";
export type { AvatarImage, Nickname, PersonalAudience, PersonalEvent, PersonalKind, PersonalValues } from "./transport/features/personal-events.js";
export type { DiscoIdentity, DiscoInfo } from "./transport/xep/xep0030.js";
export type { FormFields } from "./transport/xep/xep0004.js";
export type { DataForm, FormAnswers, FormField, FormFieldType, FormOption, FormProblem } from "./transport/xep/xep0004-form.js";
export type { PrivacyListContent, PrivacyLists, PrivacyMatch, PrivacyRule, PrivacySubscription, StanzaKind } from "./transport/xep/xep0016.js";
export type { RegistrationOffer, RegistrationOfferBase } from "./transport/xep/xep0077.js";
export type { Location } from "./transport/xep/xep0080.js";
export type { AvatarInfo } from "./transport/xep/xep0084.js";
export type { SoftwareVersion } from "./transport/xep/xep0092.js";
export type { GatewayPrompt } from "./transport/xep/xep0100.js";
export type { Mood } from "./transport/xep/xep0107.js";
export type { Activity } from "./transport/xep/xep0108.js";
export type { Tune } from "./transport/xep/xep0118.js";
export type { CapsClaim } from "./transport/xep/xep0115.js";
export type { SuggestedContact } from "./transport/xep/xep0144.js";
export type { EntityTime } from "./transport/xep/xep0202.js";
export type { AbuseReport } from "./transport/xep/xep0377.js";
export type { PresenceContent, Show } from "./transport/xep/rfc6121-presence.js";
export type { ClientEvent } from "./client/events.js";
export type { ClientStatus } from "./client/status.js";
export type { StorageReport } from "./client/storage-report.js";
export { ClientError } from "./client/errors.js";
export type { AnySottoError, ClientErrorCode } from "./client/errors.js";
export { InternalError, SottoError, UsageError } from "./base/errors.js";
export type { SafeDetails, SottoErrorOptions, UsageErrorCode } from "./base/errors.js";
export type { Observable, Unsubscribe } from "./base/events.js";
export { bareJid, parseJid } from "./base/jid.js";
export type { BareJid, FullJid, Jid } from "./base/jid.js";
export type { Clock } from "./base/clock.js";
export type { Rng } from "./base/rng.js";
export type { Brand } from "./base/brand.js";
export type { Bytes } from "./base/bytes.js";
export type { Alias, Logger, LogSafe } from "./base/logger.js";
export { CryptoError } from "./crypto/errors.js";
export type { CryptoErrorCode } from "./crypto/errors.js";
export { formatFingerprint } from "./crypto/fingerprint.js";
export type { CryptoProvider, CurveCrypto, MaybePromise, SymmetricCrypto } from "./crypto/provider.js";
export { SessionError } from "./session/errors.js";
export type { SessionErrorCode } from "./session/errors.js";
export type { DeviceReport, KnownDevice } from "./session/outcome.js";
export type { Change, DeviceAddress, DeviceId, Fence, Store, StoreCondition, StoreKey, StoreRange, StoreRow } from "./session/ports.js";
export { vitalPrefixes } from "./session/ports.js";
export { blindTrustBeforeVerification, blindTrustForContacts } from "./session/trust/blind-trust.js";
export { verifiedOnly } from "./session/trust/manual.js";
export type { FirstSight, TrustPolicy, TrustState } from "./session/trust/policy.js";
export { StorageError } from "./storage/errors.js";
export type { StorageErrorCode } from "./storage/errors.js";
export { memoryStore } from "./storage/memory.js";
export { TransportError } from "./transport/errors.js";
export type { TransportErrorCode } from "./transport/errors.js";
