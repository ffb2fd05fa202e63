/** What connecting needs of the application. @module */
import type { FastTokens } from "../auth/fast.js";
import type { MechanismName } from "../auth/mechanism-names.js";
import type { BareJid } from "../../base/jid.js";
import type { SessionOptions } from "../stream/session-options.js";
import type { TlsOptions } from "./sockets.js";

/** What `connect` needs. */
export interface ConnectOptions extends SessionOptions {
  /** The account to log in. Its domain is what TLS must prove, except for `wss:` where it is the host of the URL. */
  readonly account: BareJid;
  /** `xmpps://host:port`, `xmpp://host:port` (STARTTLS), `wss://host/path`; `ws://` only with `unsafeAllowInsecureLoopback`. */
  readonly service: string;
  /** Asked once per login, after TLS is verified and a mechanism is chosen. The signal fires when the connection is lost meanwhile. */
  readonly password: (request: { readonly signal: AbortSignal }) => string | Promise<string>;
  /** Own certificate authorities (Node only). */
  readonly tls?: TlsOptions;
  /** Permits clear text, to a loopback address only. For tests and development. */
  readonly unsafeAllowInsecureLoopback?: boolean;
  /** The weakest mechanism that may be used. Default `SCRAM-SHA-1`; `PLAIN` hands the password to the server. */
  readonly mechanismFloor?: MechanismName;
  /** Told which mechanism succeeded, so that the caller can raise the floor for the next login (threats N07). */
  readonly onAuthenticated?: (mechanism: MechanismName) => void;
  /** Where a token is kept that saves asking for the password (XEP-0484). Absent: none is asked for. */
  readonly tokens?: FastTokens;
}
