/** What a fresh stream needs before it is `online`: listeners in its first turn, carbons, presence, the own device published. @module */
import type { BareJid } from "../base/jid.js";
import { type XmlElement, isElement, xml } from "../base/xml.js";
import type { Ledger } from "../session/ledger.js";
import type { Omemo } from "../session/omemo.js";
import { TransportError } from "../transport/errors.js";
import { answerDiscoInfo, capsElement, defaultOwnInfo } from "../transport/features/caps.js";
import { PepDirectory, type UnconfirmedNode } from "../transport/omemo-directory.js";
import { clientNamespace, discoInfoNamespace, omemo2Namespace } from "../transport/xep/namespaces.js";
import { enableCarbons } from "../transport/xep/xep0280.js";
import type { Connection } from "./link.js";
import type { OnlineDirectory } from "./online-directory.js";

export interface StreamSetupDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly directory: OnlineDirectory;
  readonly receive: (stanza: XmlElement) => void;
  readonly onError: (error: unknown) => void;
  readonly onUnconfirmedNode: (node: UnconfirmedNode) => void;
}

/** Sets up one stream after the other. */
export class StreamSetup {
  readonly #d: StreamSetupDeps;

  constructor(deps: StreamSetupDeps) {
    this.#d = deps;
  }

  /** In the stream's first turn: from here on every stanza has somebody who takes it. */
  attach(connection: Connection): void {
    const { account, omemo, onError } = this.#d;
    const directory = new PepDirectory({ iq: connection.iq, account, onListenerError: onError });
    directory.onDeviceList((event) => {
      if (event.namespace === omemo2Namespace) return omemo.onDeviceList(event.jid, event.devices, connection.signal);
      return undefined;
    });
    directory.onUnconfirmedNode((node) => { this.#d.onUnconfirmedNode(node); });
    this.#d.directory.attach(directory);
    omemo.expireDeviceLists(); // notifications may have passed while no stream was there
    connection.iq.handle(discoInfoNamespace, (request) => answerDiscoInfo(defaultOwnInfo, request.payload));
    connection.stream.onStanza((stanza) => {
      if (!isElement(stanza, clientNamespace, "message") || directory.handleMessage(stanza)) return;
      this.#d.receive(stanza);
    });
  }

  /**
   * Presence comes before the publication: some servers tell contacts about a new device only while we are available.
   * A server without carbons or without PEP is worth an error event, not a connection that never gets online.
   */
  async prepare(connection: Connection): Promise<void> {
    // Whatever the former connection brought has been read by now: private halves of prekeys that it used can go.
    await this.#d.ledger.run((tx) => this.#d.omemo.settlePreKeys(tx));
    await this.#tolerate(connection, () => connection.iq.request({ type: "set", payload: enableCarbons, signal: connection.signal }));
    await connection.stream.send(xml(clientNamespace, "presence", {}, capsElement(defaultOwnInfo)));
    await this.#tolerate(connection, () => this.#d.omemo.announce(connection.signal));
  }

  async #tolerate(connection: Connection, step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (connection.signal.aborted) throw new TransportError("ERR_STREAM_CLOSED", "the stream ended while it was set up", { retryable: true });
      this.#d.onError(error);
    }
  }
}
