/**
 * What people say about themselves: mood, activity, music, place, name and picture. Loaded when an application asks for it; from then on servers are told
 * that we want the events.
 * Spec: XEP-0163. Threats F08, V06, H06. Nothing is kept here: events are handed on, and read again when asked for.
 * Not here: shapes and publishing (transport/features/personal-events.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { Emitter, type Unsubscribe } from "../../base/events.js";
import { type BareJid, bareJid } from "../../base/jid.js";
import { nicknameLengthMax } from "../../base/limits.js";
import type { OwnCapabilities } from "../../transport/features/caps.js";
import {
  type AvatarImage, isPersonalKind, type PersonalAudience, type PersonalEvent, personalEventFeatures, type PersonalKind, PersonalEventsService, type PersonalValues,
} from "../../transport/features/personal-events.js";
import type { AvatarInfo } from "../../transport/xep/xep0084.js";
import { feelingName } from "../../transport/xep/xep0107.js";
import type { ClientEvent } from "../events.js";
import type { Connection } from "../link.js";
import type { StreamPart } from "../stream-part.js";
import type { PresenceContacts } from "./contact-watch.js";

export interface PersonalEventsDeps {
  readonly account: BareJid;
  readonly contacts: Pick<PresenceContacts, "confirmed">;
  readonly capabilities: OwnCapabilities;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
  /** Why there is no stream, for whoever needs one. */
  readonly offline: () => Error;
}

/** What an application can say about its user; the picture has a method of its own. */
export interface OwnPersonalValues extends Omit<PersonalValues, "nickname" | "avatar"> {
  readonly nickname: string;
}

/** For a single call. */
export interface PublishOptions {
  /** Who may read it. Default: contacts that see our presence. */
  readonly audience?: PersonalAudience | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `await client.personalEvents()`. */
export class PersonalEvents implements StreamPart {
  readonly #d: PersonalEventsDeps;
  readonly #events: Emitter<PersonalEvent>;
  #service: PersonalEventsService | undefined;

  /** @internal Made by the client, which attaches it to its streams. */
  constructor(deps: PersonalEventsDeps) {
    this.#d = deps;
    this.#events = new Emitter(deps.onError);
    deps.capabilities.add(personalEventFeatures);
  }

  /** @internal */
  attach(connection: Connection): void {
    const service = new PersonalEventsService({ iq: connection.iq, account: this.#d.account });
    this.#service = service;
    connection.stream.onStanza((stanza) => {
      const told = service.read(stanza);
      if (told === undefined) return;
      const from = told.kind === "event" ? told.event.from : told.from;
      // Servers notify contacts only; whoever else says so fills our memory, or our user's eyes (threats V06).
      if (from !== this.#d.account && this.#d.contacts.confirmed(from) === undefined) return;
      if (told.kind === "event") this.#events.emit(told.event);
      else this.#d.emit({ kind: "malformed", what: "personal-event", from });
    });
  }

  /** @internal */
  detach(): void {
    this.#service = undefined;
  }

  /**
   * Calls `listener` for what contacts say about themselves, and other devices of this account about the user; after each login also for what they said last.
   * All texts are claims of the sender.
   */
  onEvent(listener: (event: PersonalEvent) => void): Unsubscribe {
    return this.#events.subscribe(listener);
  }

  /**
   * Says something about the user.
   * @throws TransportError `ERR_PUBLISH_FAILED` if the server does not confirm that only the audience can read it: then nobody else can;
   *   ClientError `ERR_OFFLINE`; UsageError for a value that is none of its kind, and for names of moods and activities that cannot be ones
   */
  async publish<K extends keyof OwnPersonalValues>(kind: K, value: OwnPersonalValues[K], options: PublishOptions = {}): Promise<void> {
    const checked = checkedValue(kind, value);
    await this.#online().publish<PersonalKind>(kind, checked, checkedAudience(options), options.signal);
  }

  /** Takes it back, for the audience that it was published for. As {@link publish}. */
  async retract(kind: PersonalKind, options: PublishOptions = {}): Promise<void> {
    await this.#online().publish(checkedKind(kind), undefined, checkedAudience(options), options.signal);
  }

  /**
   * What somebody says about himself, asked for now; `undefined` if nothing.
   * @throws TransportError `ERR_PERSONAL_EVENT_UNAVAILABLE` if we may not read it, or his server does not answer; ClientError `ERR_OFFLINE`
   */
  async read<K extends PersonalKind>(jid: string, kind: K, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<PersonalValues[K] | undefined> {
    return this.#online().fetch(bareJid(jid), checkedKind(kind), options.signal);
  }

  /**
   * Publishes a picture: PNG, JPEG, GIF or WebP, at most 128 KiB.
   * @throws TransportError `ERR_AVATAR_INVALID`; UsageError if `data` holds no bytes; as {@link publish}
   */
  async publishAvatar(
    image: { readonly data: Uint8Array; readonly width?: number; readonly height?: number }, options: PublishOptions = {},
  ): Promise<AvatarInfo> {
    const { data } = (image as { readonly data?: unknown } | undefined) ?? {};
    if (!(data instanceof Uint8Array)) throw new UsageError("ERR_INVALID_ARGUMENT", "the data of a picture is a Uint8Array");
    return this.#online().publishAvatar(image, checkedAudience(options), options.signal);
  }

  /**
   * Fetches a picture that an event, or {@link read}, has named; its data is checked against that name.
   * @returns `undefined` if it is not there any more
   * @throws TransportError `ERR_AVATAR_INVALID` if the data is not what was announced, or larger than 512 KiB; as {@link read}
   */
  async avatar(jid: string, info: Pick<AvatarInfo, "id" | "bytes">, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<AvatarImage | undefined> {
    return this.#online().fetchAvatar(bareJid(jid), info, options.signal);
  }

  #online(): PersonalEventsService {
    if (this.#service === undefined) throw this.#d.offline();
    return this.#service;
  }
}

// Applications in JavaScript hand in anything. What is no value would not be refused by the server: it would end the stream.
function checkedValue(kind: PersonalKind, value: unknown): PersonalValues[keyof OwnPersonalValues] {
  if (kind === "nickname") return { name: checkedNickname(value), confusable: false };
  checkedKind(kind);
  if (kind === "avatar") throw new UsageError("ERR_INVALID_ARGUMENT", "a picture is published with publishAvatar()");
  if (typeof value !== "object" || value === null) throw new UsageError("ERR_INVALID_ARGUMENT", "moods, activities, tunes and locations are objects");
  return checkedFeeling(kind, value);
}

function checkedKind<K extends PersonalKind>(kind: K): K {
  if (!isPersonalKind(kind)) throw new UsageError("ERR_INVALID_ARGUMENT", "there is no such kind of personal event");
  return kind;
}

function checkedAudience({ audience = "contacts" }: PublishOptions): PersonalAudience {
  if (!audiences.includes(audience)) throw new UsageError("ERR_INVALID_ARGUMENT", "an audience is contacts, everyone or self");
  return audience;
}

const audiences: readonly PersonalAudience[] = ["contacts", "everyone", "self"];

function checkedNickname(name: unknown): string {
  if (typeof name !== "string" || name === "" || Array.from(name).length > nicknameLengthMax) throw new UsageError("ERR_INVALID_ARGUMENT", "a nickname has 1 to 128 characters");
  return name;
}

// The names become names of elements.
function checkedFeeling<T extends object>(kind: PersonalKind, value: T): T {
  const { mood, general, specific } = value as { readonly mood?: unknown; readonly general?: unknown; readonly specific?: unknown };
  const names = kind === "mood" ? [mood] : kind === "activity" ? [general, ...(specific === undefined ? [] : [specific])] : [];
  for (const name of names) {
    if (typeof name !== "string" || !feelingName.test(name) || name === "text") {
      throw new UsageError("ERR_INVALID_ARGUMENT", "moods and activities have names such as in_love");
    }
  }
  return value;
}
