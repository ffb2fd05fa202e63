/**
 * The stream machine of browsers: what Sotto needs of @xmpp/client-core and nothing else, because there every byte is loaded.
 * Spec: RFC 6120 section 4.2. Not here: what arrives and what it means (chassis.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import { closedError } from "./closed.js";
import type { Link } from "./sockets.js";
import type { CreateStreamMachine, ParserPort, StreamMachine, StreamMachineHooks, StreamMachineOptions } from "./stream-machine.js";

class SlimMachine implements StreamMachine {
  readonly #options: StreamMachineOptions;
  readonly #hooks: StreamMachineHooks;
  #link: Link | undefined;
  /** The parser that is heard. */
  #port: ParserPort | undefined;
  #endWait: ((error: unknown) => void) | undefined;
  #over = false;
  #closed = false;

  constructor(options: StreamMachineOptions, hooks: StreamMachineHooks) {
    this.#options = options;
    this.#hooks = hooks;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  async connect(): Promise<void> {
    const link = await this.#options.openLink({
      data: (data) => { this.#hooks.data(data); },
      closed: (reason) => {
        if (this.#closed) return;
        this.#closed = true;
        this.#link = undefined;
        this.#hooks.disconnected(reason);
      },
    });
    // Given up or gone while it was opened.
    if (this.#over || this.#closed) {
      link.destroy();
      throw closedError();
    }
    this.#link = link;
  }

  open(): Promise<XmlElement> {
    return new Promise((resolve, reject) => {
      const port: ParserPort = {
        opened: (header) => { if (this.#port === port) resolve(header); },
        element: (element) => { if (this.#port === port) this.#hooks.element(element); },
      };
      this.#port = port;
      this.#endWait = reject;
      this.#hooks.parserWanted(port);
      this.write(this.#options.header()).catch(reject);
    });
  }

  async write(text: string): Promise<void> {
    if (this.#link === undefined) throw closedError();
    await this.#link.write(text);
  }

  abandon(): void {
    this.#over = true;
    this.#port = undefined;
    this.#endWait?.(closedError());
  }
}

/** Chosen by the import condition `#stream-machine`. */
export const createStreamMachine: CreateStreamMachine = (options, hooks) => new SlimMachine(options, hooks);
