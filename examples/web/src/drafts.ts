/**
 * What is typed and not stored yet, for each conversation: kept in this tab's session storage, in clear, so that neither a reload nor another
 * conversation loses it. A text that was sent stays part of it until the SDK has stored it; one that was refused comes back.
 * @module
 */
import { drop, keep, kept, keptKeys } from "./lib/kept.js";

const prefix = "chat.draft:";

/** The unsent text of one conversation. */
export class Draft {
  readonly #key: string;
  /** What is in the field. */
  #text: string;
  /** What was sent and is not stored yet, in order. */
  readonly #leaving: string[] = [];
  /** What has come back and still stands at the beginning of the field. */
  #returned = "";
  #isForgotten = false;
  /** Called when a refused text has come back: by the field that is on the screen. */
  onReturn: (() => void) | undefined;

  constructor(key: string) {
    this.#key = key;
    this.#text = kept("tab", key) ?? "";
  }

  get text(): string {
    return this.#text;
  }

  /** The user has typed. */
  type(text: string): void {
    this.#text = text;
    this.#keep();
  }

  /** The field is emptied, and its text is on its way to the store. */
  take(): string {
    const text = this.#text;
    this.#leaving.push(text);
    this.#text = "";
    this.#returned = "";
    return text;
  }

  /** It is stored: the list of messages has it. */
  stored(text: string): void {
    this.#left(text);
    this.#keep();
  }

  /** It was refused: it stands in the field again, above what was typed meanwhile. */
  refused(text: string): void {
    this.#left(text);
    this.takenBack(text);
  }

  /** It was in the list and leaves it: the user has taken it back. */
  takenBack(text: string): void {
    const before = this.#text.startsWith(this.#returned) ? this.#returned : "";
    const typed = this.#text.slice(before.length).replace(/^\n/, "");
    this.#returned = joined([before, text]);
    this.#text = joined([this.#returned, typed]);
    this.#keep();
    this.onReturn?.();
  }

  /** Nothing of it comes back any more. */
  forget(): void {
    this.#isForgotten = true;
    drop("tab", this.#key);
  }

  #left(text: string): void {
    const at = this.#leaving.indexOf(text);
    if (at >= 0) this.#leaving.splice(at, 1);
  }

  #keep(): void {
    if (this.#isForgotten) return;
    const text = joined([...this.#leaving, this.#text]);
    if (text === "") drop("tab", this.#key);
    else keep("tab", this.#key, text);
  }
}

const joined = (texts: readonly string[]): string => texts.filter((text) => text !== "").join("\n");

const drafts = new Map<string, Draft>();

/** The draft of a conversation: the same object however often it is opened. */
export function draftOf(jid: string): Draft {
  const key = prefix + jid;
  const draft = drafts.get(key) ?? new Draft(key);
  drafts.set(key, draft);
  return draft;
}

/** Forgets all drafts of this tab: whoever signs in next must not see them. */
export function forgetDrafts(): void {
  for (const draft of drafts.values()) draft.forget();
  drafts.clear();
  for (const key of keptKeys("tab")) if (key.startsWith(prefix)) drop("tab", key);
}
