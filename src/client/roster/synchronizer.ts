/**
 * Brings the mirror to what the server says: asks for the roster on a fresh stream, then follows the pushes. A push that comes while the
 * answer is under way may be older or newer than it: where they disagree, the server is asked again (threats V05).
 * Spec: RFC 6121 sections 2.1.4-2.1.6, 2.2, 2.6. Threats F07.
 * Not here: whose pushes count (features/roster.ts).
 * @module
 */
import { rosterContactsMax, rosterQuestionsMax } from "../../base/limits.js";
import type { RosterAnswer, RosterService } from "../../transport/features/roster.js";
import type { RosterItem, RosterList, RosterPush } from "../../transport/xep/rfc6121-roster.js";
import { contactOf, sameContact } from "./contact.js";
import type { Edits } from "./edits.js";
import type { RosterMirror } from "./mirror.js";

export interface SynchronizerDeps {
  readonly mirror: RosterMirror;
  readonly edits: Edits;
  /** So many items were left out. */
  readonly onDropped: (count: number) => void;
}

/** `idle`: pushes say nothing about a state that is not known. `asking`: they wait for the answer. */
type Mode = { readonly kind: "idle" } | { readonly kind: "following" } | { readonly kind: "asking"; readonly pushes: RosterPush[]; tooMany: boolean };

/** The mirror and one stream after the other. */
export class Synchronizer {
  readonly #d: SynchronizerDeps;
  #mode: Mode = { kind: "idle" };

  constructor(deps: SynchronizerDeps) {
    this.#d = deps;
  }

  /** The mirror is what the server says. */
  get isFollowing(): boolean {
    return this.#mode.kind === "following";
  }

  /** A stream goes on with a session in which nothing was missed, or the beginning of another one. */
  begin(following: boolean): void {
    this.#mode = following ? { kind: "following" } : { kind: "idle" };
  }

  /** A push, in its own turn. */
  push(push: RosterPush): void {
    const mode = this.#mode;
    if (mode.kind === "idle") return;
    if (push.change === undefined) this.#d.onDropped(1);
    if (mode.kind === "following") this.#apply(push);
    else if (mode.pushes.length < rosterContactsMax) mode.pushes.push(push);
    else mode.tooMany = true;
  }

  /** Asks until the answer and the pushes beside it agree. Resolves when the state is durable. @throws TransportError, StorageError */
  async ask(service: RosterService, signal: AbortSignal): Promise<void> {
    const { mirror } = this.#d;
    // Prosody gives the first change of an account the number that the empty roster had: nothing is cheap enough to be asked for again.
    let named = mirror.contacts.size === 0 ? undefined : mirror.version;
    for (let question = 1; ; question++) {
      const mode: Mode = { kind: "asking", pushes: [], tooMany: false };
      this.#mode = mode;
      const leave = (): void => { if (this.#mode === mode) this.#mode = { kind: "idle" }; };
      const answer = await service.fetch(named, signal).catch((error: unknown) => {
        leave();
        throw error;
      });
      if (this.#mode !== mode) return; // another stream has begun
      const agreed = !mode.tooMany && (answer.kind === "unchanged" || agree(answer, mode.pushes));
      // The roster may change faster than it can be asked for: then the pushes count, and the state gets no name before it is asked for again.
      if (agreed || question === rosterQuestionsMax) return this.#take(answer, mode.pushes, agreed);
      named = undefined;
    }
  }

  async #take(answer: RosterAnswer, pushes: readonly RosterPush[], agreed: boolean): Promise<void> {
    const { mirror, onDropped } = this.#d;
    this.#mode = { kind: "following" };
    let durable: Promise<void> | undefined;
    if (answer.kind === "list") {
      onDropped(answer.dropped);
      durable = mirror.replace(answer, agreed);
    }
    if (answer.kind === "unchanged" || !agreed) for (const push of pushes) this.#apply(push);
    await durable;
  }

  #apply(push: RosterPush): void {
    const { mirror, edits } = this.#d;
    const { change } = push;
    const after = change?.item === undefined ? undefined : contactOf(change.item);
    const own = change !== undefined && edits.overtake(change.jid, mirror.contacts.get(change.jid), after);
    mirror.push(push, own ? "here" : "server");
  }
}

/** Whether the last push about each address says the same as the list. */
function agree(list: RosterList, pushes: readonly RosterPush[]): boolean {
  if (pushes.length === 0) return true;
  const listed = new Map(list.items.map((item) => [item.jid, item]));
  const last = new Map<string, RosterItem | undefined>();
  for (const { change } of pushes) {
    if (change === undefined) return false;
    last.set(change.jid, change.item);
  }
  return [...last].every(([jid, item]) => {
    const other = listed.get(jid as RosterItem["jid"]);
    return item === undefined || other === undefined ? item === other : sameContact(contactOf(item), contactOf(other));
  });
}
