/**
 * How far the account has read, told among its own devices through a private node (threats F08).
 * Spec: XEP-0490 #pep-model, #publish, #catchup, #security; XEP-0223.
 * Not here: whether a position is ahead of the one we have, and whether we know its message (client/).
 * @module
 */
import { Emitter, type Unsubscribe } from "../../base/events.js";
import { parseJid, type BareJid } from "../../base/jid.js";
import { readPositionsMax } from "../../base/limits.js";
import { isElement, type XmlElement } from "../../base/xml.js";
import type { DirectoryAnswer } from "../../session/ports.js";
import { given } from "../xep/fields.js";
import { clientNamespace, readPositionsNamespace } from "../xep/namespaces.js";
import { decodeEvent, type PubsubItem } from "../xep/xep0060.js";
import { decodeReadPosition, encodeReadPosition, type ReadPosition } from "../xep/xep0490.js";
import type { IqRequester } from "./iq-requester.js";
import { type NodePolicy, Pep } from "./pep.js";

const ownDevices: NodePolicy = { accessModel: "whitelist", items: "many" };

/** The read positions of one account over one stream. */
export class ReadPositions {
  readonly #pep: Pep;
  readonly #account: BareJid;
  readonly #positions: Emitter<ReadPosition>;

  constructor(dependencies: {
    readonly iq: IqRequester; readonly account: BareJid; readonly onListenerError?: (error: unknown) => void;
  }) {
    this.#pep = new Pep(dependencies.iq);
    this.#account = dependencies.account;
    this.#positions = new Emitter(dependencies.onListenerError);
  }

  /** Positions that arrive as notifications; also those that this device published. */
  onPosition(listener: (position: ReadPosition) => unknown): Unsubscribe {
    return this.#positions.subscribe(listener);
  }

  /** Takes a message stanza if it is our own account's notification about the node; anybody else's is none (threats F08). */
  handleMessage(stanza: XmlElement): boolean {
    if (!isElement(stanza, clientNamespace, "message")) return false;
    const { type, from } = stanza.attrs;
    if (type === "error" || type === "groupchat" || (from !== undefined && parseJid(from) !== this.#account)) return false;
    const event = decodeEvent(stanza);
    if (event?.node !== readPositionsNamespace) return false;
    // Retracted and purged positions change nothing: a position only moves forward (#rules-client).
    if (event.kind === "items") for (const position of this.#decode(event.items)) this.#positions.emit(position);
    return true;
  }

  /** The positions that the server has; at most `readPositionsMax`. `none`: nothing was ever published. */
  async fetchAll(signal?: AbortSignal): Promise<DirectoryAnswer<readonly ReadPosition[]>> {
    const answer = await this.#pep.items({
      owner: this.#account, node: readPositionsNamespace, wanted: { maxItems: readPositionsMax }, signal,
    });
    return answer.kind === "found" ? { kind: "found", value: this.#decode(answer.value) } : answer;
  }

  /**
   * Tells the own devices that `conversation` was displayed up to the message with `stanzaId`.
   * @throws TransportError `ERR_PUBLISH_FAILED` if the server does not confirm that nobody else can read the node: then nothing
   *   was published; and what requests throw.
   */
  async publish(conversation: BareJid, stanzaId: string, signal?: AbortSignal): Promise<void> {
    await this.#pep.publishStrictly({
      node: readPositionsNamespace, id: conversation, payload: encodeReadPosition(stanzaId, this.#account), policy: ownDevices, ...given({ signal }),
    });
  }

  #decode(items: readonly PubsubItem[]): ReadPosition[] {
    return items.slice(0, readPositionsMax).flatMap((item) => decodeReadPosition(item, this.#account) ?? []);
  }
}
