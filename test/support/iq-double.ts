/** A stream that a test feeds by hand: what is sent is collected, what is received is emitted. @module */
import { Emitter } from "../../src/base/events.js";
import type { FullJid, Jid } from "../../src/base/jid.js";
import { xml, type XmlElement } from "../../src/base/xml.js";
import type { Stream } from "../../src/transport/connection/stream.js";

export interface ConnectionDouble {
  readonly stream: Stream;
  readonly sent: XmlElement[];
  receive(stanza: XmlElement): void;
}

export function connectionDouble(jid: Jid): ConnectionDouble {
  const stanzas = new Emitter<XmlElement>();
  const sent: XmlElement[] = [];
  const stream: Stream = {
    jid: jid as FullJid, features: xml("http://etherx.jabber.org/streams", "features"), isOpen: true, start: { kind: "unmanaged" }, session: undefined,
    send: (stanza) => { sent.push(stanza); return Promise.resolve(); },
    sendTracked: (stanza) => ({ sequence: sent.push(stanza), written: Promise.resolve() }), onAcknowledged: () => () => undefined,
    onStanza: (listener) => stanzas.subscribe((stanza) => { listener(stanza, { number: 1, hold: () => () => undefined }); }),
    onEnd: () => () => undefined, close: () => Promise.resolve(),
  };
  return { stream, sent, receive: (stanza) => { stanzas.emit(stanza); } };
}
