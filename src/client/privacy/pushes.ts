/**
 * What the own server tells without being asked, for several listeners: one handler per namespace and stream answers, all listeners hear.
 * Anybody else is refused, and looks to himself as if he had asked nobody (threats F09).
 * Spec: XEP-0016 #protocol-edit, XEP-0191 #block. Not here: what a push says.
 * @module
 */
import { Emitter, type Unsubscribe } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import type { IqClient } from "../../transport/stream/iq.js";

// Goes with the stream: what listens is forgotten with it.
const hubs = new WeakMap<IqClient, Map<string, Emitter<XmlElement>>>();

/**
 * Calls `listener` with the payload of each push of `namespace` that the server sends for `account`: without a sender, or from the own
 * bare address. Pushes are acknowledged; a full address of our own, a server or anybody else is none of these.
 */
export function onPush(
  iq: Pick<IqClient, "handle">, account: BareJid, namespace: string, listener: (payload: XmlElement) => void, onError: (error: unknown) => void,
): Unsubscribe {
  const hub = hubs.get(iq as IqClient) ?? new Map<string, Emitter<XmlElement>>();
  hubs.set(iq as IqClient, hub);
  const known = hub.get(namespace);
  const pushes = known ?? new Emitter<XmlElement>(onError);
  if (known === undefined) {
    hub.set(namespace, pushes);
    iq.handle(namespace, ({ type, from, payload }) => {
      if (type !== "set" || (from !== undefined && from !== account)) return undefined;
      pushes.emit(payload);
      return null;
    });
  }
  return pushes.subscribe(listener);
}
