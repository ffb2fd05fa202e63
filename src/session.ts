/** Entry `sotto/session`: the encryption alone, over any pipe. Start with {@link Omemo.open}; docs/guides/10-session-alone.md is a program. @module */
export type { Brand } from "./base/brand.js";
export type { Bytes } from "./base/bytes.js";
export type { Clock } from "./base/clock.js";
export { Emitter } from "./base/events.js";
export type { Unsubscribe } from "./base/events.js";
export type { BareJid } from "./base/jid.js";
export { xml } from "./base/xml.js";
export type { XmlElement, XmlNode } from "./base/xml.js";
export { Omemo } from "./session/omemo.js";
export type { OmemoOptions, OmemoPeers } from "./session/omemo.js";
export type { OmemoDeviceOptions, Self } from "./session/omemo-device.js";
export type { OpenInput } from "./session/open.js";
export { Ledger } from "./session/ledger.js";
export { Transaction } from "./session/transaction.js";
export type { TransactionBase } from "./session/transaction.js";
export type { EncryptedKey, EncryptedMessage } from "./session/encrypted-message.js";
export type {
  BundleAnswer, DeviceReport, FollowUp, KnownDevice, OmemoEvent, OpenOutcome, RecipientPlan, SealOutcome, SenderSecurity, SendPlan,
} from "./session/outcome.js";
export type {
  Change, DeviceAddress, DeviceDirectory, DeviceId, DirectoryAnswer, EnvelopeCodec, Fence, ListedDevice, OmemoNamespace, SceEnvelope,
  Store, StoreKey, StoreRange, StoreRow, WireBundle,
} from "./session/ports.js";
export { parseDeviceId } from "./session/ports.js";
export { SessionError } from "./session/errors.js";
export type { OpenFailureCode, SessionErrorCode } from "./session/errors.js";
export { blindTrustBeforeVerification, blindTrustForContacts } from "./session/trust/blind-trust.js";
export { verifiedOnly } from "./session/trust/manual.js";
export type { FirstSight, TrustPolicy, TrustState } from "./session/trust/policy.js";
export { sceEnvelopeCodec } from "./transport/xep/xep0420.js";
