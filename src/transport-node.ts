/** Entry `sotto/transport/node`: XMPP streams over TCP, TLS and WebSocket on Node. @module */
export { connect } from "./transport/connection/connect.js";
export type { ConnectOptions } from "./transport/connection/connect-options.js";
export { sockets } from "./transport/connection/sockets-node.js";
export type { Link, LinkHandlers, SocketFactories, TcpTarget, TlsOptions, WebSocketTarget } from "./transport/connection/sockets.js";
export type { Delivery, FormerSession, SessionStart, Stream, StreamEnd, TrackedSend } from "./transport/connection/stream.js";
export { StreamSession } from "./transport/stream/stream-session.js";
export type { ResumptionState } from "./transport/stream/stream-session.js";
export type { FastToken, FastTokens } from "./transport/auth/fast.js";
export { IqClient } from "./transport/stream/iq.js";
export type { IncomingIq, IqHandler, IqRequest } from "./transport/stream/iq.js";
export { TransportError } from "./transport/errors.js";
export type { TransportErrorCode } from "./transport/errors.js";
export { xml } from "./base/xml.js";
export type { XmlElement, XmlNode } from "./base/xml.js";
export { fromXmppElement } from "./transport/xml/from-xmpp.js";
export type { XmppElementLike } from "./transport/xml/from-xmpp.js";
