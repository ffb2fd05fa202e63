/**
 * DeviceDirectory over PEP: where real devices publish their lists and bundles.
 * Spec: XEP-0384 #devices, #usecases-announcing, #usecases-setup; XEP-0163.
 * Not here: which lists to believe and repair (session/), the shapes (xep/xep0384-directory.ts).
 * @module
 */
import { equalBytes } from "../base/bytes.js";
import { Emitter, type Unsubscribe } from "../base/events.js";
import { isFullJid, parseJid, type BareJid } from "../base/jid.js";
import { bundlesPerRequestMax, directoryRequestsMax } from "../base/limits.js";
import { isElement, type XmlElement } from "../base/xml.js";
import type {
  DeviceDirectory, DeviceId, DirectoryAnswer, ListedDevice, OmemoNamespace, WireBundle,
} from "../session/ports.js";
import { TransportError } from "./errors.js";
import type { IqRequester } from "./features/iq-requester.js";
import { Pep, type NodePolicy } from "./features/pep.js";
import { given } from "./xep/fields.js";
import { clientNamespace, legacyNamespace, omemo2Namespace } from "./xep/namespaces.js";
import { decodeEvent, type PubsubEvent, type PubsubItem } from "./xep/xep0060.js";
import { bundleItemId, bundleNode, decodeBundle, decodeDeviceList, encodeBundle, encodeDeviceList } from "./xep/xep0384-directory.js";
import { currentItemId, deviceListNode } from "./xep/xep0384-nodes.js";

/** A device list that a server pushed to us. */
export interface DeviceListEvent {
  readonly jid: BareJid;
  readonly namespace: OmemoNamespace;
  readonly devices: readonly ListedDevice[];
}

/** A node of ours that others may not be able to read, or that may keep too few items (threats T17). */
export interface UnconfirmedNode {
  readonly namespace: OmemoNamespace;
  readonly content: "device-list" | "bundle";
}

const listPolicy: NodePolicy = { accessModel: "open", items: "one" };
const namespaces: readonly OmemoNamespace[] = [omemo2Namespace, legacyNamespace];

/** The devices of everybody, as their servers tell. One per stream. */
export class PepDirectory implements DeviceDirectory {
  readonly #pep: Pep;
  readonly #account: BareJid;
  readonly #lists: Emitter<DeviceListEvent>;
  readonly #unconfirmed: Emitter<UnconfirmedNode>;

  constructor(dependencies: {
    readonly iq: IqRequester; readonly account: BareJid; readonly onListenerError?: (error: unknown) => void;
  }) {
    this.#pep = new Pep(dependencies.iq);
    this.#account = dependencies.account;
    this.#lists = new Emitter(dependencies.onListenerError);
    this.#unconfirmed = new Emitter(dependencies.onListenerError);
  }

  /** Device lists that arrive as notifications, of contacts and of the own account. */
  onDeviceList(listener: (event: DeviceListEvent) => unknown): Unsubscribe {
    return this.#lists.subscribe(listener);
  }

  /** Publications that worked, on nodes whose configuration could not be made or seen to be right. */
  onUnconfirmedNode(listener: (node: UnconfirmedNode) => unknown): Unsubscribe {
    return this.#unconfirmed.subscribe(listener);
  }

  /**
   * Takes a message stanza if it is a notification about a device list; false if it is something else.
   * The list belongs to whom the stanza is from, whatever it says (threats F08): servers notify from the account's bare
   * address, a full one is some client speaking. A list we refuse to read changes nothing.
   */
  handleMessage(stanza: XmlElement): boolean {
    if (!isElement(stanza, clientNamespace, "message")) return false;
    const type = stanza.attrs["type"];
    if (type === "error" || type === "groupchat") return false; // a bounce repeats what somebody else once sent
    const owner = stanza.attrs["from"] === undefined ? this.#account : parseJid(stanza.attrs["from"]);
    const event = decodeEvent(stanza);
    const namespace = namespaces.find((candidate) => deviceListNode(candidate) === event?.node);
    if (event === undefined || namespace === undefined || owner === undefined || isFullJid(owner)) return false;
    const devices = devicesOf(event, namespace);
    if (devices !== undefined) this.#lists.emit({ jid: owner, namespace, devices });
    return true;
  }

  async fetchDeviceList(jid: BareJid, namespace: OmemoNamespace, signal?: AbortSignal): Promise<DirectoryAnswer<readonly ListedDevice[]>> {
    const answer = await this.#pep.items({ owner: jid, node: deviceListNode(namespace), wanted: { maxItems: 1 }, signal });
    if (answer.kind !== "found") return answer;
    const payload = currentItem(answer.value)?.payload;
    if (payload === undefined) return { kind: "malformed" };
    // Our own, however long: taken for one that cannot be read, it would be replaced, and everybody be taken off it (threats T14).
    const devices = decodeDeviceList(payload, namespace, jid === this.#account ? Infinity : undefined);
    return devices === undefined ? { kind: "malformed" } : { kind: "found", value: devices };
  }

  async fetchBundles(
    jid: BareJid, devices: readonly DeviceId[], namespace: OmemoNamespace, signal?: AbortSignal,
  ): Promise<readonly DirectoryAnswer<WireBundle>[]> {
    const answers = new Map<DeviceId, DirectoryAnswer<WireBundle>>();
    const fetchBatch = (batch: readonly DeviceId[]): Promise<void> =>
      namespace === omemo2Namespace ? this.#fetchOmemo2(jid, batch, answers, signal) : this.#fetchLegacy(jid, batch, answers, signal);
    const perRequest = namespace === omemo2Namespace ? bundlesPerRequestMax : 1;
    await inFlight(batches([...new Set(devices)], perRequest), fetchBatch);
    // Some servers look at the first id only; what is missing then is asked for alone.
    const alone = perRequest === 1 || devices.length === 1 ? [] : [...answers].filter(([, answer]) => answer.kind === "none").map(([id]) => id);
    await inFlight(batches(alone, 1), fetchBatch);
    return devices.map((id) => answers.get(id) ?? { kind: "none" });
  }

  async #fetchOmemo2(
    jid: BareJid, batch: readonly DeviceId[], answers: Map<DeviceId, DirectoryAnswer<WireBundle>>, signal?: AbortSignal,
  ): Promise<void> {
    const node = bundleNode(omemo2Namespace, batch[0] as DeviceId);
    const answer = await this.#pep.items({ owner: jid, node, wanted: { ids: batch.map(String) }, signal });
    for (const id of batch) {
      const item = answer.kind === "found" ? answer.value.find((candidate) => candidate.id === String(id)) : undefined;
      answers.set(id, answer.kind !== "found" ? answer : item === undefined ? { kind: "none" } : readBundle(item, omemo2Namespace));
    }
  }

  // Legacy bundles have a node each; the id of the item differs between clients, the newest one counts.
  async #fetchLegacy(
    jid: BareJid, batch: readonly DeviceId[], answers: Map<DeviceId, DirectoryAnswer<WireBundle>>, signal?: AbortSignal,
  ): Promise<void> {
    for (const id of batch) {
      const answer = await this.#pep.items({ owner: jid, node: bundleNode(legacyNamespace, id), wanted: { maxItems: 1 }, signal });
      answers.set(id, answer.kind === "found" ? readBundle(answer.value[0], legacyNamespace) : answer);
    }
  }

  /** @throws TransportError `ERR_PUBLISH_FAILED` if the server did not take it, or gives back another list (threats T16). */
  async publishDeviceList(devices: readonly ListedDevice[], namespace: OmemoNamespace, signal?: AbortSignal): Promise<void> {
    await this.#publish({ namespace, content: "device-list" }, {
      node: deviceListNode(namespace), id: currentItemId, payload: encodeDeviceList(devices, namespace), policy: listPolicy,
    }, signal);
    const stored = await this.fetchDeviceList(this.#account, namespace, signal);
    const ids = stored.kind === "found" ? new Set(stored.value.map((device) => device.id)) : undefined;
    const same = ids === undefined ? stored.kind === "none" && devices.length === 0 : devices.every((device) => ids.has(device.id));
    if (!same) throw notStored();
  }

  /** @throws TransportError `ERR_PUBLISH_FAILED` if the server did not take it, or gives back another bundle (threats T16). */
  async publishBundle(device: DeviceId, bundle: WireBundle, namespace: OmemoNamespace, signal?: AbortSignal): Promise<void> {
    await this.#publish({ namespace, content: "bundle" }, {
      node: bundleNode(namespace, device), id: bundleItemId(namespace, device), payload: encodeBundle(bundle, namespace),
      policy: { accessModel: "open", items: namespace === omemo2Namespace ? "many" : "one" },
    }, signal);
    const [stored] = await this.fetchBundles(this.#account, [device], namespace, signal);
    if (stored?.kind !== "found" || !sameBundle(stored.value, bundle)) throw notStored();
  }

  async #publish(
    what: UnconfirmedNode,
    item: { readonly node: string; readonly id: string; readonly payload: XmlElement; readonly policy: NodePolicy },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const report = await this.#pep.publish({ ...item, ...given({ signal }) });
    if (report.configuration === "unconfirmed") this.#unconfirmed.emit(what);
  }
}

function devicesOf(event: PubsubEvent, namespace: OmemoNamespace): readonly ListedDevice[] | undefined {
  if (event.kind !== "items") return []; // purged or deleted: no devices
  const item = currentItem(event.items);
  if (item !== undefined) return item.payload === undefined ? undefined : decodeDeviceList(item.payload, namespace);
  return event.retracted.includes(currentItemId) ? [] : undefined; // another item says nothing about the list
}

// The item is called "current"; some clients publish under other names, and then the last one is the newest.
function currentItem(items: readonly PubsubItem[]): PubsubItem | undefined {
  return items.find((item) => item.id === currentItemId) ?? items[items.length - 1];
}

function readBundle(item: PubsubItem | undefined, namespace: OmemoNamespace): DirectoryAnswer<WireBundle> {
  const bundle = item?.payload === undefined ? undefined : decodeBundle(item.payload, namespace);
  return bundle === undefined ? { kind: "malformed" } : { kind: "found", value: bundle };
}

function sameBundle(a: WireBundle, b: WireBundle): boolean {
  const keys = new Map(a.preKeys.map((preKey) => [preKey.id, preKey.key]));
  const samePreKey = (preKey: WireBundle["preKeys"][number]): boolean => {
    const other = keys.get(preKey.id);
    return other !== undefined && equalBytes(other, preKey.key);
  };
  return a.signedPreKeyId === b.signedPreKeyId && equalBytes(a.identityKey, b.identityKey)
    && equalBytes(a.signedPreKey, b.signedPreKey) && equalBytes(a.signedPreKeySignature, b.signedPreKeySignature)
    && a.preKeys.length === b.preKeys.length && b.preKeys.every(samePreKey);
}

function notStored(): TransportError {
  return new TransportError("ERR_PUBLISH_FAILED", "the server does not give back what was published", { retryable: true });
}

function batches<T>(all: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let i = 0; i < all.length; i += size) result.push(all.slice(i, i + size));
  return result;
}

/** Runs `task` for each of `all`, `directoryRequestsMax` at a time. */
async function inFlight<T>(all: readonly T[], task: (one: T) => Promise<void>): Promise<void> {
  const queue = [...all];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await task(next);
  };
  await Promise.all(Array.from({ length: Math.min(directoryRequestsMax, queue.length) }, worker));
}
