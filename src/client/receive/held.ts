/**
 * Stanzas that wait while the archive is caught up: they are newer than everything in it. Bounded (threats L03): what the archive has
 * as well is left to it and read from there, the rest goes on ahead. Until it has been read, the oldest one left is not released:
 * acknowledgements are cumulative, so it keeps all after it from being acknowledged, however many (threats Q06).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import { readStanzaId } from "../../transport/xep/xep0359.js";

/** Stanzas that may wait, and their size in UTF-16 code units of text and attributes. */
export const heldStanzasMax = 1_000;
export const heldSizeMax: number = 16 * 1024 * 1024;

/** A stanza that may wait. */
export interface Waiting {
  readonly stanza: XmlElement;
  /** It may be acknowledged. */
  readonly release: () => void;
}

/** The stanzas of one connection that wait. */
export class Held<T extends Waiting> {
  readonly #account: BareJid;
  #items: T[] = [];
  #size = 0;
  #overflown = false;
  /** The oldest that was left to the archive since the last call of {@link Held.takeOverflow}. */
  #left: T | undefined;
  /** The oldest that was left before: the archive is being read for it. */
  #asked: T | undefined;

  constructor(account: BareJid) {
    this.#account = account;
  }

  /** Whether something was left to the archive that has not been read from it. */
  get owed(): boolean {
    return this.#asked !== undefined || this.#left !== undefined;
  }

  /** Takes `item`, or leaves it to the archive. False: there is no room and the archive has not got it, so it is to be taken in at once. */
  add(item: T): boolean {
    const size = sizeOf(item.stanza);
    if (!this.#overflown && this.#items.length < heldStanzasMax && this.#size + size <= heldSizeMax) {
      this.#items.push(item);
      this.#size += size;
      return true;
    }
    this.#overflown = true; // from here on order is the archive's, whatever becomes free
    if (!this.#isArchived(item.stanza)) return false;
    if (this.#left === undefined) this.#left = item;
    else item.release();
    return true;
  }

  /**
   * To be called when the archive has been read. If something was left to it since the last call, it has to be read again: then nothing
   * need wait here any longer. What is in the archive is left to it, the rest is returned, to go ahead.
   */
  takeOverflow(): readonly T[] | undefined {
    this.#asked?.release();
    this.#asked = undefined;
    if (!this.#overflown) return undefined;
    this.#overflown = false;
    const items = this.takeAll();
    const inArchive = items.filter(({ stanza }) => this.#isArchived(stanza));
    const [oldest, ...others] = this.#left === undefined ? inArchive : [...inArchive, this.#left];
    for (const { release } of others) release();
    this.#asked = oldest;
    this.#left = undefined;
    return items.filter((item) => !inArchive.includes(item));
  }

  /** All that waits, but nothing that came after what is {@link Held.owed}; oldest first. It is the caller's now. */
  takeAll(): readonly T[] {
    if (this.#asked !== undefined) return [];
    const items = this.#items;
    this.#items = [];
    this.#size = 0;
    return items;
  }

  #isArchived(stanza: XmlElement): boolean {
    return readStanzaId(stanza, this.#account) !== undefined;
  }
}

function sizeOf(root: XmlElement): number {
  let size = 0;
  const open: XmlElement[] = [root];
  for (let element = open.pop(); element !== undefined; element = open.pop()) {
    size += 64; // what an element costs beside its text
    for (const value of Object.values(element.attrs)) size += value.length;
    for (const child of element.children) {
      if (typeof child === "string") size += child.length;
      else open.push(child);
    }
  }
  return size;
}
