/**
 * The port `Stream` over a chassis that is authenticated and bound.
 * Spec: RFC 6120 section 8; XEP-0478 (announced limits). Threats P16 (malformed addresses), P18, F26.
 * @module
 */
import { Emitter, type Unsubscribe } from "../../base/events.js";
import { parseJid, type FullJid } from "../../base/jid.js";
import { sendStanzaBytesMax } from "../../base/limits.js";
import { utf8 } from "../../base/bytes.js";
import { findChild, serializeXml, textOf, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { clientNamespace } from "../stream/stanza-error.js";
import type { Stream, StreamEnd } from "./stream.js";
import type { Chassis } from "./xmpp-chassis.js";

const limitsNamespace = "urn:xmpp:stream-limits:0";
const stanzaNames: ReadonlySet<string> = new Set(["iq", "message", "presence"]);

/** What {@link boundStream} needs. */
export interface BoundStreamOptions {
  readonly jid: FullJid;
  readonly features: XmlElement;
  readonly onListenerError?: (error: unknown) => void;
}

/** Hands the chassis over to the layers above. Stanzas wait until the first listener has subscribed. */
export function boundStream(chassis: Chassis, options: BoundStreamOptions): Stream {
  return new BoundStream(chassis, options);
}

class BoundStream implements Stream {
  readonly jid: FullJid;
  readonly features: XmlElement;
  readonly #chassis: Chassis;
  readonly #stanzas: Emitter<XmlElement>;
  readonly #sendBytesMax: number;
  #live = false;

  constructor(chassis: Chassis, options: BoundStreamOptions) {
    this.jid = options.jid;
    this.features = options.features;
    this.#chassis = chassis;
    this.#stanzas = new Emitter(options.onListenerError);
    this.#sendBytesMax = announcedBytesMax(options.features) ?? sendStanzaBytesMax;
  }

  get isOpen(): boolean {
    return this.#chassis.isOpen;
  }

  async send(stanza: XmlElement): Promise<void> {
    const bytes = utf8(serializeXml(stanza)).length;
    if (bytes > this.#sendBytesMax) {
      throw new TransportError("ERR_STANZA_TOO_LARGE", "the stanza is larger than the server takes", { details: { bytes, bytesMax: this.#sendBytesMax } });
    }
    await this.#chassis.writeElement(stanza);
  }

  onStanza(listener: (stanza: XmlElement) => void): Unsubscribe {
    const unsubscribe = this.#stanzas.subscribe(listener);
    if (!this.#live) {
      this.#live = true;
      // Not in this turn: whoever subscribes next to the first listener misses nothing either.
      queueMicrotask(() => { this.#chassis.goLive((element) => { this.#onElement(element); }); });
    }
    return unsubscribe;
  }

  onEnd(listener: (end: StreamEnd) => void): Unsubscribe {
    return this.#chassis.onEnd(listener);
  }

  close(): Promise<void> {
    return this.#chassis.close();
  }

  #onElement(element: XmlElement): void {
    // A stanza is matched by namespace and name only; everything else belongs to protocols that nobody has asked for (threats P08).
    if (element.ns !== clientNamespace || !stanzaNames.has(element.name)) return;
    if (isAddress(element.attrs["from"]) && isAddress(element.attrs["to"])) this.#stanzas.emit(element);
  }
}

function isAddress(text: string | undefined): boolean {
  return text === undefined || parseJid(text) !== undefined;
}

function announcedBytesMax(features: XmlElement): number | undefined {
  const limits = findChild(features, limitsNamespace, "limits");
  const bytes = limits === undefined ? undefined : findChild(limits, limitsNamespace, "max-bytes");
  const text = bytes === undefined ? "" : textOf(bytes).trim();
  return /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : undefined;
}
