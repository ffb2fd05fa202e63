/**
 * Stanzas that wait while the archive is caught up: they are newer than everything in it. Bounded (threats L03): what the archive has
 * as well is let go and read from there, the rest goes on ahead.
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
}

/** The stanzas of one connection that wait. */
export class Held<T extends Waiting> {
  readonly #account: BareJid;
  #items: T[] = [];
  #size = 0;
  #overflown = false;

  constructor(account: BareJid) {
    this.#account = account;
  }

  /** `wait`: it waits here. `ahead`: no room, to be taken in at once. `drop`: no room, and the archive has it. */
  add(item: T): "wait" | "ahead" | "drop" {
    const size = sizeOf(item.stanza);
    if (!this.#overflown && this.#items.length < heldStanzasMax && this.#size + size <= heldSizeMax) {
      this.#items.push(item);
      this.#size += size;
      return "wait";
    }
    this.#overflown = true; // from here on order is the archive's, whatever becomes free
    return this.#isArchived(item.stanza) ? "drop" : "ahead";
  }

  /**
   * If something was let go since the last call, the archive has to be read again: then nothing need wait here any longer. What is in
   * the archive comes from there, the rest goes ahead.
   */
  takeOverflow(): { readonly inArchive: readonly T[]; readonly ahead: readonly T[] } | undefined {
    if (!this.#overflown) return undefined;
    this.#overflown = false;
    const items = this.takeAll();
    const inArchive = items.filter(({ stanza }) => this.#isArchived(stanza));
    return { inArchive, ahead: items.filter((item) => !inArchive.includes(item)) };
  }

  /** All that waits, oldest first; it is the caller's now. */
  takeAll(): readonly T[] {
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
