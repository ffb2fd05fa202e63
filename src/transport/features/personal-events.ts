/**
 * Personal events: what people say about themselves beside their presence. Published for those who may read it and nobody else; read, and taken
 * from notifications.
 * Spec: XEP-0163 with XEP-0080, 0084, 0107, 0108, 0118, 0172. Threats F08, F20.
 * Not here: whose events matter, and telling servers that we want them (client/presence/personal-events.ts).
 * @module
 */
import { sha1 } from "@noble/hashes/legacy.js";
import { type Bytes, copyBytes, toHex } from "../../base/bytes.js";
import { type BareJid, isFullJid, parseJid } from "../../base/jid.js";
import { avatarBytesMax, avatarPublishedBytesMax } from "../../base/limits.js";
import { isElement, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { looksConfusable } from "../xep/clean-text.js";
import { given } from "../xep/fields.js";
import {
  activityNamespace, avatarDataNamespace, avatarMetadataNamespace, clientNamespace, locationNamespace, moodNamespace, nickNamespace, tuneNamespace,
} from "../xep/namespaces.js";
import { decodeEvent, type PubsubItem } from "../xep/xep0060.js";
import { decodeLocation, encodeLocation, type Location } from "../xep/xep0080.js";
import { type AvatarInfo, decodeAvatarData, decodeAvatarMetadata, encodeAvatarData, encodeAvatarMetadata } from "../xep/xep0084.js";
import { decodeMood, encodeMood, type Mood } from "../xep/xep0107.js";
import { type Activity, decodeActivity, encodeActivity } from "../xep/xep0108.js";
import { decodeTune, encodeTune, type Tune } from "../xep/xep0118.js";
import { encodeNick, readNick } from "../xep/xep0172.js";
import { currentItemId } from "../xep/xep0384-nodes.js";
import type { IqRequester } from "./iq-requester.js";
import { type NodePolicy, Pep } from "./pep.js";

/** A name that somebody has given himself. */
export interface Nickname {
  /** Cleaned and shortened. Never show it without the address: it proves nothing. */
  readonly name: string;
  /** It could be taken for another name: it mixes scripts whose letters look alike, or uses foreign ones throughout (threats F20). */
  readonly confusable: boolean;
}

/** What there is to say about oneself. */
export interface PersonalValues {
  readonly mood: Mood;
  readonly activity: Activity;
  readonly tune: Tune;
  readonly location: Location;
  readonly nickname: Nickname;
  /** The images of an avatar, none of them fetched. */
  readonly avatar: readonly AvatarInfo[];
}

/** Names of {@link PersonalValues}. */
export type PersonalKind = keyof PersonalValues;

/** Somebody has said something about himself, or taken it back: then `value` is absent. */
export type PersonalEvent = { [K in PersonalKind]: { readonly kind: K; readonly from: BareJid; readonly value?: PersonalValues[K] } }[PersonalKind];

/** Who may read an event: contacts that see our presence, everybody, or only this account. */
export type PersonalAudience = "contacts" | "everyone" | "self";

/** An avatar whose data is what its metadata says. */
export interface AvatarImage {
  readonly data: Bytes;
  /** Seen from the data. */
  readonly type: "image/png" | "image/jpeg" | "image/gif" | "image/webp";
  readonly id: string;
}

interface Codec<T> {
  readonly node: string;
  readonly encode: (value: T | undefined) => XmlElement;
  readonly decode: (payload: XmlElement) => T | "none" | undefined;
}

const codecs: { readonly [K in PersonalKind]: Codec<PersonalValues[K]> } = {
  mood: { node: moodNamespace, encode: encodeMood, decode: decodeMood },
  activity: { node: activityNamespace, encode: encodeActivity, decode: decodeActivity },
  tune: { node: tuneNamespace, encode: encodeTune, decode: decodeTune },
  location: { node: locationNamespace, encode: encodeLocation, decode: decodeLocation },
  nickname: { node: nickNamespace, encode: (nick) => encodeNick(nick?.name ?? ""), decode: decodeNickname },
  avatar: { node: avatarMetadataNamespace, encode: encodeAvatarMetadata, decode: decodeAvatarMetadata },
};

function decodeNickname(payload: XmlElement): Nickname | "none" | undefined {
  if (!isElement(payload, nickNamespace, "nick")) return undefined;
  const name = readNick(payload);
  return name === undefined ? "none" : { name, confusable: looksConfusable(name) };
}

const kinds = Object.keys(codecs) as readonly PersonalKind[];

/** Whether there are personal events of that name. */
export const isPersonalKind = (kind: string): kind is PersonalKind => (kinds as readonly string[]).includes(kind);

/** What our capabilities have to hold so that servers send us the events (XEP-0163 #notify-filter). */
export const personalEventFeatures: readonly string[] = kinds.map((kind) => `${codecs[kind].node}+notify`);

const accessModels: Readonly<Record<PersonalAudience, NodePolicy["accessModel"]>> = { contacts: "presence", everyone: "open", self: "whitelist" };

/** What a notification says; `malformed`: it is about a node of ours to read, and makes no sense. */
export type PersonalNotification = { readonly kind: "event"; readonly event: PersonalEvent } | { readonly kind: "malformed"; readonly from: BareJid };

/** Personal events over one stream. */
export class PersonalEventsService {
  readonly #pep: Pep;
  readonly #account: BareJid;

  constructor(dependencies: { readonly iq: IqRequester; readonly account: BareJid }) {
    this.#pep = new Pep(dependencies.iq);
    this.#account = dependencies.account;
  }

  /**
   * What a message stanza notifies of; `undefined` if it is no such notification. The owner of the node is the sender's bare address; what a
   * resource sends is no notification, nor what somebody says about nodes elsewhere (threats F08).
   */
  read(stanza: XmlElement): PersonalNotification | undefined {
    if (!isElement(stanza, clientNamespace, "message")) return undefined;
    const { type, from } = stanza.attrs;
    const sender = from === undefined ? this.#account : parseJid(from);
    if (type === "error" || type === "groupchat" || sender === undefined || isFullJid(sender)) return undefined;
    const event = decodeEvent(stanza);
    const kind = kinds.find((each) => codecs[each].node === event?.node);
    if (event === undefined || kind === undefined) return undefined;
    if (event.kind !== "items" || event.items.length === 0) return { kind: "event", event: { kind, from: sender } }; // retracted, purged, deleted
    const value = decodeNewest(kind, event.items);
    if (value === undefined) return { kind: "malformed", from: sender };
    return { kind: "event", event: (value === "none" ? { kind, from: sender } : { kind, from: sender, value }) as PersonalEvent };
  }

  /**
   * What `owner` says about himself; `undefined` if nothing, or nothing that makes sense.
   * @throws TransportError `ERR_PERSONAL_EVENT_UNAVAILABLE` if that cannot be read
   */
  async fetch<K extends PersonalKind>(owner: BareJid, kind: K, signal?: AbortSignal): Promise<PersonalValues[K] | undefined> {
    const items = await this.#items(owner, codecs[kind].node, { maxItems: 1 }, signal);
    const value = items === undefined ? undefined : decodeNewest(kind, items);
    return value === "none" ? undefined : value;
  }

  /**
   * Says something about the user, or takes it back.
   * @throws TransportError `ERR_PUBLISH_FAILED` if the server does not confirm that only the audience can read it: then nobody else can
   */
  publish<K extends PersonalKind>(kind: K, value: PersonalValues[K] | undefined, audience: PersonalAudience, signal?: AbortSignal): Promise<void> {
    const { node, encode } = codecs[kind];
    return this.#put(node, currentItemId, encode(value), audience, signal);
  }

  /**
   * Publishes an image, data first (XEP-0084 #process-pubdata).
   * @throws TransportError `ERR_AVATAR_INVALID` if it is too large or none of the types; as {@link publish}
   */
  async publishAvatar(
    image: { readonly data: Uint8Array; readonly width?: number; readonly height?: number }, audience: PersonalAudience, signal?: AbortSignal,
  ): Promise<AvatarInfo> {
    const { width, height } = image;
    const data = copyBytes(image.data);
    const type = imageType(data);
    if (type === undefined || data.length > avatarPublishedBytesMax) throw invalidAvatar();
    const info = { id: toHex(sha1(data)), bytes: data.length, type, ...given({ width, height }) };
    await this.#put(avatarDataNamespace, info.id, encodeAvatarData(data), audience, signal);
    await this.#put(avatarMetadataNamespace, info.id, encodeAvatarMetadata([info]), audience, signal);
    return info;
  }

  /**
   * Fetches an image that `owner`'s metadata has named.
   * @returns `undefined` if it is not there
   * @throws TransportError `ERR_AVATAR_INVALID` if it is too large, not what its id says, or none of the types; as {@link fetch}
   */
  async fetchAvatar(owner: BareJid, info: Pick<AvatarInfo, "id" | "bytes">, signal?: AbortSignal): Promise<AvatarImage | undefined> {
    if (info.bytes > avatarBytesMax) throw invalidAvatar();
    const items = await this.#items(owner, avatarDataNamespace, { ids: [info.id] }, signal);
    const item = items?.find(({ id }) => id === info.id);
    if (item === undefined) return undefined;
    const data = decodeAvatarData(item.payload, avatarBytesMax);
    const type = data === undefined ? undefined : imageType(data);
    if (data === undefined || type === undefined || toHex(sha1(data)) !== info.id) throw invalidAvatar();
    return { data, type, id: info.id };
  }

  #put(node: string, id: string, payload: XmlElement, audience: PersonalAudience, signal: AbortSignal | undefined): Promise<void> {
    const policy: NodePolicy = { accessModel: accessModels[audience], items: "one" };
    return this.#pep.publishStrictly({ node, id, payload, policy, ...given({ signal }) });
  }

  async #items(
    owner: BareJid, node: string, wanted: { readonly ids: readonly string[] } | { readonly maxItems: number }, signal: AbortSignal | undefined,
  ): Promise<readonly PubsubItem[] | undefined> {
    const answer = await this.#pep.items({ owner, node, wanted, signal });
    if (answer.kind === "unavailable") {
      throw new TransportError("ERR_PERSONAL_EVENT_UNAVAILABLE", "the node cannot be read", { retryable: answer.retryable });
    }
    return answer.kind === "found" ? answer.value : undefined;
  }
}

function decodeNewest<K extends PersonalKind>(kind: K, items: readonly PubsubItem[]): PersonalValues[K] | "none" | undefined {
  const payload = items.at(-1)?.payload;
  return payload === undefined ? undefined : codecs[kind].decode(payload);
}

const invalidAvatar = (): TransportError => new TransportError("ERR_AVATAR_INVALID", "the image is too large, of no known type, or not the one that was announced");

/** The type as the data itself shows it; what else there is may hold scripts (SVG), or is none. */
function imageType(data: Uint8Array): AvatarImage["type"] | undefined {
  const start = String.fromCharCode(...data.subarray(0, 12));
  if (start.startsWith("\u0089PNG\r\n\u001a\n")) return "image/png";
  if (start.startsWith("\u00ff\u00d8\u00ff")) return "image/jpeg";
  if (/^GIF8[79]a/.test(start)) return "image/gif";
  return start.startsWith("RIFF") && start.endsWith("WEBP") ? "image/webp" : undefined;
}
