/**
 * Changes that this device has asked for and the server has not confirmed: laid over what the server says, taken away when there is an
 * answer or none will come. They are relative, so that one that is refused leaves nothing behind in those after it.
 * Spec: RFC 6121 section 2. Threats V05. Not here: what the server says (mirror.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { sameContact, type Contact } from "./contact.js";

/** Servers that cannot be reached are given up within minutes: more are not asked until then. */
const dealtMax = 100;

/** What a change makes of a contact; `undefined` stands for one that is not in the roster. */
export type Amend = (contact: Contact | undefined) => Contact | undefined;

/** A change that is under way. */
export interface Edit {
  readonly jid: BareJid;
  readonly amend: Amend;
  /** It answers the request that waits. */
  readonly answers: boolean;
  /** Names the presence that carries it, if one does. */
  readonly id?: string;
  /** It has left; before that it waits for those ahead of it. */
  sent: boolean;
  /** A push about this contact came since it left: what the server says counts from then on. */
  overtaken: boolean;
  /** Presence of type `error` came back for it. */
  failure?: Error;
}

/** Presence of ours that the own server has dealt with. */
export type Dealt = Pick<Edit, "jid" | "id" | "failure">;

/** All changes under way, in the order in which they were asked for. */
export class Edits {
  readonly #edits = new Set<Edit>();
  /** The last ones that presence has carried: servers of others may give it back later. */
  readonly #dealt: Dealt[] = [];

  begin(edit: Pick<Edit, "jid" | "amend" | "answers" | "id">): Edit {
    const begun: Edit = { ...edit, sent: false, overtaken: false };
    this.#edits.add(begun);
    return begun;
  }

  end(edit: Edit): void {
    this.#edits.delete(edit);
    const { jid, id } = edit;
    if (id === undefined || edit.failure !== undefined) return;
    this.#dealt.push({ jid, id });
    if (this.#dealt.length > dealtMax) this.#dealt.shift();
  }

  /**
   * A push about `jid` makes `after` of `before`. True if that is what one of the changes asked for. One that changes nothing says nothing about
   * them either: Prosody answers first, so that the push of the change before meets the next one under way.
   */
  overtake(jid: BareJid, before: Contact | undefined, after: Contact | undefined): boolean {
    if (sameContact(before, after)) return false;
    let own = false;
    for (const edit of this.#edits) {
      if (edit.jid !== jid || !edit.sent) continue;
      edit.overtaken = true;
      own ||= sameContact(edit.amend(before), after);
    }
    return own;
  }

  /** The change that the presence with this id carried; of one that is not under way any more what is left of it. */
  byId(id: string | undefined): Edit | Dealt | undefined {
    return id === undefined ? undefined : [...this.#edits, ...this.#dealt].find((edit) => edit.id === id);
  }

  /** The contact with the changes laid over it; the same object if there are none. */
  over(jid: BareJid, contact: Contact | undefined): Contact | undefined {
    let seen = contact;
    for (const edit of this.#edits) if (edit.jid === jid && !edit.overtaken) seen = edit.amend(seen);
    if (seen === undefined) return undefined;
    return sameContact(seen, contact) ? contact : { ...seen, unconfirmed: true };
  }

  /** Addresses with a change under way. */
  get addresses(): ReadonlySet<BareJid> {
    return new Set([...this.#edits].map(({ jid }) => jid));
  }

  /** Requests that are being answered. */
  get answered(): ReadonlySet<BareJid> {
    return new Set([...this.#edits].filter(({ answers }) => answers).map(({ jid }) => jid));
  }
}
