/**
 * The stream machine of Node: `Client` of @xmpp/client-core, with our sockets and parsers at its extension points.
 * Kept of it: states, attaching of sockets and parsers, opening, restart, the write guard.
 * Ours: socket and parser classes, `_onData`, `_onElement`. What else it could do is never called: nobody above has the object.
 * Spec: RFC 6120 section 4.2. Not here: what arrives and what it means (chassis.ts).
 * @module
 */
import { Client } from "@xmpp/client-core";
import { EventEmitter } from "@xmpp/events";
import type { XmlElement } from "../../base/xml.js";
import { closedError } from "./closed.js";
import type { Link } from "./sockets.js";
import type { CreateStreamMachine, ParserPort, StreamMachineHooks, StreamMachineOptions } from "./stream-machine.js";

// Client asks its transports for the one that takes the service; ours takes this.
const service = "sotto:link";

/** A {@link Link} in the shape of Client's sockets. */
class LinkSocket extends EventEmitter {
  link: Link | undefined;
  #abandoned = false;

  get secure(): boolean {
    return this.link?.secure === true;
  }

  connect(openLink: StreamMachineOptions["openLink"]): void {
    openLink({
      data: (data) => { this.emit("data", data); },
      closed: (error) => {
        this.abandon(); // a link that comes behind its own end
        this.emit("close", error !== undefined, error);
      },
    }).then((link) => {
      if (this.#abandoned) {
        link.destroy();
        return;
      }
      this.link = link;
      this.emit("connect");
    }, (error: unknown) => { if (!this.#abandoned) this.emit("error", error); });
  }

  /** Nobody waits for this socket any more. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    if (this.link === undefined) this.emit("error", closedError());
  }

  write(text: string, done: (error?: unknown) => void): void {
    const writing = this.link?.write(text) ?? Promise.reject(closedError());
    writing.then(() => { done(); }, done);
  }
}

/** One of our parsers in the shape of Client's parsers. */
class XmppParserPort extends EventEmitter implements ParserPort {
  opened(header: XmlElement): void {
    this.emit("start", header);
  }

  element(element: XmlElement): void {
    this.emit("element", element);
  }
}

class SottoClient extends Client {
  readonly #hooks: StreamMachineHooks;
  link: LinkSocket | undefined;
  opened: (header: XmlElement) => void = () => undefined;

  constructor(options: StreamMachineOptions, hooks: StreamMachineHooks) {
    super({ domain: options.domain, service });
    this.#hooks = hooks;
    this.timeout = 0; // deadlines are ours, on our clock
    const taken = (socket: LinkSocket): void => { this.link = socket; };
    this.transports = [{
      prototype: {
        Socket: class extends LinkSocket {
          constructor() {
            super();
            taken(this);
          }
        },
        Parser: XmppParserPort,
        socketParameters: () => options.openLink,
        headerElement: () => ({ attrs: {} }),
        header: () => options.header(),
      },
    }];
    // Client reports a failed socket here as well as through `connect`; without a listener that would throw.
    this.on("error", () => undefined);
    this.on("open", (header: XmlElement) => { this.opened(header); });
    this.on("disconnect", (event: { readonly reason?: unknown }) => {
      this.link = undefined;
      hooks.disconnected(event.reason);
    });
  }

  override _attachParser(parser: unknown): void {
    super._attachParser(parser);
    this.#hooks.parserWanted(parser as XmppParserPort);
  }

  /** Client would decode each chunk by itself and let exceptions of the parser through. */
  override _onData(data: unknown): void {
    this.#hooks.data(data as Uint8Array | string);
  }

  /** Client would tell stanzas by their prefixed names, and follow redirects. */
  override _onElement(element: unknown): void {
    this.#hooks.element(element as XmlElement);
  }
}

/** Chosen by the import condition `#stream-machine`. */
export const createStreamMachine: CreateStreamMachine = (options, hooks) => {
  const client = new SottoClient(options, hooks);
  return {
    get link() {
      return client.link?.link;
    },
    async connect() {
      await client.connect(service);
    },
    open() {
      const opened = new Promise<XmlElement>((resolve) => { client.opened = resolve; });
      // `restart` drops the old parser and opens; for the first stream there is none to drop. It listens for the answer only when
      // the write is reported: one that came before would be missed.
      return Promise.race([opened, client.restart() as Promise<XmlElement>]);
    },
    write: (text) => client.write(text),
    abandon() {
      client._detachParser();
      client.link?.abandon();
      client.emit("error", closedError()); // ends the waits of Client
    },
  };
};
