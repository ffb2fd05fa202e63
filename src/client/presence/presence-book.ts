/**
 * Whose presence is known, resource by resource, within bounds.
 * Spec: RFC 6121 sections 4.4-4.6. Threats V06, H06. Not here: whose presence counts (presence.ts), the order of resources (contact-presence.ts).
 * @module
 */
import { type BareJid, isFullJid, type Jid, toBare } from "../../base/jid.js";
import { presentContactsMax } from "../../base/limits.js";
import { type ContactPresence, merged, ranked, type ResourcePresence, type Seen } from "./contact-presence.js";

interface Page {
  readonly seen: ReadonlyMap<Jid, Seen>;
  readonly shown: ContactPresence;
}

/** Presence of many addresses. */
export class PresenceBook {
  readonly #pages = new Map<BareJid, Page>();
  #snapshot: ReadonlyMap<BareJid, ContactPresence> | undefined = new Map<BareJid, ContactPresence>();
  #order = 0;

  /** Takes a presence in. @returns whether that resource was not known to be available; `undefined` if it is not kept: there are too many */
  put(presence: ResourcePresence): boolean | undefined {
    const bare = toBare(presence.jid);
    const page = this.#pages.get(bare);
    if (page === undefined && this.#pages.size >= presentContactsMax) return undefined;
    const fresh = page?.seen.has(presence.jid) !== true;
    const kept = ranked([...(page?.seen.values() ?? [])].filter((seen) => seen.presence.jid !== presence.jid).concat({ presence, order: ++this.#order }));
    this.#write(bare, kept);
    return kept.some((seen) => seen.presence === presence) ? fresh : undefined;
  }

  /** A resource is gone; a bare address: all of them. @returns whether anything was known of it */
  remove(jid: Jid, farewell?: Readonly<Record<string, string>>): boolean {
    const bare = toBare(jid);
    const page = this.#pages.get(bare);
    if (page === undefined || page.seen.size === 0 || (isFullJid(jid) && !page.seen.has(jid))) return false;
    const kept = isFullJid(jid) ? [...page.seen.values()].filter((seen) => seen.presence.jid !== jid) : [];
    this.#write(bare, kept, farewell !== undefined && Object.keys(farewell).length > 0 ? farewell : undefined);
    return true;
  }

  /** Nothing is known about `bare` any more, as if it had never been there. @returns what was available */
  forget(bare: BareJid): readonly ResourcePresence[] {
    const page = this.#pages.get(bare);
    if (page === undefined) return [];
    this.#pages.delete(bare);
    this.#snapshot = undefined;
    return page.shown.resources;
  }

  /** Forgets everybody. */
  clear(): void {
    if (this.#pages.size > 0) this.#snapshot = undefined;
    this.#pages.clear();
  }

  get(bare: BareJid): ContactPresence | undefined {
    return this.#pages.get(bare)?.shown;
  }

  resource(jid: Jid): ResourcePresence | undefined {
    return this.#pages.get(toBare(jid))?.seen.get(jid)?.presence;
  }

  /** Made when asked for: presence of thousands comes at once at a login. */
  snapshot(): ReadonlyMap<BareJid, ContactPresence> {
    this.#snapshot ??= new Map([...this.#pages].map(([bare, { shown }]) => [bare, shown]));
    return this.#snapshot;
  }

  #write(bare: BareJid, kept: readonly Seen[], farewell?: Readonly<Record<string, string>>): void {
    this.#snapshot = undefined;
    if (kept.length === 0 && farewell === undefined) {
      this.#pages.delete(bare);
      return;
    }
    const best = ranked(kept);
    this.#pages.set(bare, { seen: new Map(best.map((seen) => [seen.presence.jid, seen])), shown: merged(bare, best, farewell) });
  }
}
