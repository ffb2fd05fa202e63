/**
 * The port to the stream machine: attaching one socket, opening and restarting a stream on it, writing.
 * `#stream-machine` chooses the implementation: stream-machine-node.ts on `Client` of @xmpp/client-core, stream-machine-browser.ts
 * without it (docs/decisions/0003-xmpp-chassis.md). Both pass the same suites (test/transport/).
 * Spec: RFC 6120 section 4.2. Not here: what arrives, what it means and when it ends (chassis.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import type { Link, LinkHandlers } from "./sockets.js";

/** How the parser of a stream reports. A machine hears the latest parser only, and none once it is abandoned. */
export interface ParserPort {
  /** The server's stream header. */
  opened(header: XmlElement): void;
  /** A complete element below it. */
  element(element: XmlElement): void;
}

/** What a machine tells its owner. */
export interface StreamMachineHooks {
  /** A new stream is about to open: from now on a new parser reads, and reports to `port`. */
  parserWanted(port: ParserPort): void;
  /** From the link, to be parsed. */
  data(data: Uint8Array | string): void;
  /** From the latest parser. */
  element(element: XmlElement): void;
  /** The link is gone; `reason` if it broke. Called once. */
  disconnected(reason: unknown): void;
}

/** What a machine needs. */
export interface StreamMachineOptions {
  readonly domain: string;
  /** The text that opens a stream: asked for when it is sent. */
  readonly header: () => string;
  readonly openLink: (handlers: LinkHandlers) => Promise<Link>;
}

/** One socket and the streams on it, one after the other. Not to be used after {@link abandon}, except for its link. */
export interface StreamMachine {
  /** The connected link; `undefined` before and after. */
  readonly link: Link | undefined;
  /** Opens the link. Rejects with what `openLink` rejected with. */
  connect(): Promise<void>;
  /** Forgets the earlier parser, asks for a new one, sends the header and waits for the server's. */
  open(): Promise<XmlElement>;
  /** Resolves when the platform took the text. */
  write(text: string): Promise<void>;
  /** Nothing waits any more, no parser is heard, and a link that comes later is destroyed. A link that is there stays. */
  abandon(): void;
}

/** Makes a machine that does nothing yet. */
export type CreateStreamMachine = (options: StreamMachineOptions, hooks: StreamMachineHooks) => StreamMachine;
