/** Errors as sentences that say what happened and what to do. @module */
import { SottoError } from "sotto";

const sentences: Readonly<Record<string, string>> = {
  ERR_AUTH_REJECTED: "The address or the password is wrong.",
  ERR_AUTH_TEMPORARY: "The server lets nobody in at the moment. Try again later.",
  ERR_AUTH_MECHANISM: "The server does not log in safely enough.",
  ERR_AUTH_SERVER: "The server could not prove that it knows your password.",
  ERR_INVALID_JID: "This is not an address. It looks like name@example.org.",
  ERR_INVALID_ARGUMENT: "This cannot be done with what was entered.",
  ERR_INVALID_TEXT: "The text holds characters that cannot be sent.",
  ERR_CONNECT_FAILED: "The server does not answer. Check the server address and the network.",
  ERR_CONNECT_TIMEOUT: "The server does not answer. Check the server address and the network.",
  ERR_STREAM_CLOSED: "The connection was lost. Try again.",
  ERR_IQ_TIMEOUT: "The server did not answer. Try again.",
  ERR_TLS_FAILED: "The server could not prove that it is the one it claims to be.",
  ERR_TLS_REQUIRED: "The server address is not safe: it must begin with wss://.",
  ERR_SERVICE_INVALID: "The server address is not right. It looks like wss://example.org/xmpp-websocket.",
  ERR_OFFLINE: "This needs a connection. Try again when you are online.",
  ERR_NO_OMEMO: "This contact has no device for encrypted messages yet.",
  ERR_NO_TRUSTED_DEVICE: "None of this contact's devices may read it. Compare their fingerprints first.",
  ERR_MESSAGE_REFUSED: "The other side refused the message.",
  ERR_MESSAGE_CANCELLED: "You took the message back.",
  ERR_MESSAGE_TOO_LARGE: "The message is too long.",
  ERR_OUTBOX_FULL: "Too many messages are waiting. Try again when some of them have left.",
  ERR_POLICY_UNSUPPORTED: "Your server has no privacy lists, so it cannot show you differently to different people.",
  ERR_POLICY_FAILED: "The server refused a step. Until it works, nobody sees more than you allowed.",
  ERR_STORE_FENCED: "This account was opened somewhere else in this browser.",
  ERR_STORE_FULL: "This browser has no more room for messages.",
  ERR_STORE_CLOSED: "What is stored here cannot be reached any more. Reload the page.",
  ERR_STORE_FAILED: "Something could not be stored. Reload the page and try again.",
  ERR_STORE_ROLLED_BACK: "What this browser has stored is an old copy.",
  ERR_STORE_CORRUPT: "What this browser has stored is damaged.",
  ERR_STORE_FOREIGN_ACCOUNT: "What is stored here belongs to another account.",
  ERR_LEADER_LOST: "The tab that did this was closed. Look whether it was done, and try again.",
  ERR_TAB_VERSION: "Another tab runs another version of this page. Reload both.",
  ERR_NOT_SUPPORTED: "This does not work here: the page needs https:// and a current browser.",
  ERR_BLOCKING_UNSUPPORTED: "Your server cannot block anybody.",
  ERR_NO_REQUEST: "Nobody with this address waits for an answer any more.",
  ERR_ABORTED: "It took too long.",
};

/** What `details.reason` says of ERR_STORE_UNAVAILABLE. */
const storeReasons: Readonly<Record<string, string>> = {
  missing: "This browser has no place where the page could store anything.",
  forbidden: "This browser does not let the page store anything. Allow it to keep data for this site.",
  refused: "This browser does not open what the page has stored. Restarting the browser may help.",
  blocked: "Another tab of this page keeps what is stored to itself. Close it and try again.",
  newer: "A newer version of this page has been here. Reload the page.",
  evicted: "This browser has deleted what was stored here. Reload the page: it begins anew, as a new device.",
};

/** One sentence about an error code, with the reason that some errors have. */
export const explainCode = (code: string, reason?: unknown): string => (code === "ERR_STORE_UNAVAILABLE" ? storeReasons[String(reason)] ?? storeReasons["refused"] : sentences[code]) ?? `It did not work (${code}).`;

/** One sentence about whatever was thrown. */
export const explain = (error: unknown): string => (error instanceof SottoError ? explainCode(error.code, error.details["reason"]) : "It did not work, for a reason that nobody foresaw.");
