/**
 * Sotto: end-to-end encrypted messaging over XMPP, the same API in browsers and in Node.
 *
 * Start with {@link createClient}.
 * @module
 */
export { createClient, SottoClient } from "./client/client.js";
export type { OwnDevice } from "./client/client.js";
export type { ClientOptions, PasswordSource } from "./client/options.js";
export { Conversation } from "./client/conversation.js";
export type { MessageDraft } from "./client/draft.js";
export type { Inbox, InboxDelivery, InboxHandler, ProcessOptions } from "./client/inbox/types.js";
export type { LogRange } from "./client/log/message-log.js";
export type { Timeline, TimelineSnapshot } from "./client/log/timeline.js";
export type { SendHandle, SendProgress, SendState } from "./client/outbox/send-handle.js";
export type { Delivery, DeliveryState, Message, MessageSecurity } from "./client/message.js";
export type { ClientEvent } from "./client/events.js";
export type { ClientStatus } from "./client/status.js";
export { ClientError } from "./client/errors.js";
export type { AnySottoError, ClientErrorCode } from "./client/errors.js";
export { InternalError, SottoError, UsageError } from "./base/errors.js";
export type { SafeDetails, SottoErrorOptions, UsageErrorCode } from "./base/errors.js";
export type { Observable, Unsubscribe } from "./base/events.js";
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
export type { Change, DeviceAddress, DeviceId, Fence, Store, StoreKey, StoreRange, StoreRow } from "./session/ports.js";
export { blindTrustBeforeVerification, blindTrustForContacts } from "./session/trust/blind-trust.js";
export { verifiedOnly } from "./session/trust/manual.js";
export type { FirstSight, TrustPolicy, TrustState } from "./session/trust/policy.js";
export { StorageError } from "./storage/errors.js";
export type { StorageErrorCode } from "./storage/errors.js";
export { memoryStore } from "./storage/memory.js";
export { TransportError } from "./transport/errors.js";
export type { TransportErrorCode } from "./transport/errors.js";
