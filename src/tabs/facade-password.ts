/**
 * The password as a tab has set it. A function cannot travel: the leader asks for what it gives, when it needs that.
 * Not here: the leader's side (tab-passwords.ts).
 * @module
 */
import { asSottoError } from "../client/errors.js";
import type { PasswordSource } from "../client/login-options.js";
import type { Calls } from "./calls.js";
import { toWire } from "./wire.js";

/** What the leader is told. Without a text the tab has a function; `again`: the one that it had under another leader. */
interface SetPassword {
  readonly password?: string;
  readonly again?: boolean;
}

/** Sets it, and answers for it under each leader. */
export class RemotePassword {
  readonly #calls: Calls;
  readonly #tell: (credentials: SetPassword) => void;
  /** What the function is asked at present. */
  readonly #asked = new Map<number, AbortController>();
  #password: PasswordSource | undefined;

  constructor(calls: Calls, tell: (credentials: SetPassword) => void) {
    this.#calls = calls;
    this.#tell = tell;
    calls.follow({
      begin: () => { if (typeof this.#password === "function") this.#tell({ again: true }); },
      take: (frame) => {
        if (frame.kind === "ask") void this.#answer(frame.id);
        else if (frame.kind === "unask") this.#asked.get(frame.id)?.abort();
      },
      end: () => { this.drop(); },
    });
  }

  set(password: PasswordSource): void {
    this.#password = password;
    this.#tell(typeof password === "string" ? { password } : {});
  }

  /** Whoever asked is gone. Before the next leader is greeted: the function may ask for something when it hears of it. */
  drop(): void {
    for (const asked of this.#asked.values()) asked.abort();
    this.#asked.clear();
  }

  async #answer(id: number): Promise<void> {
    const asked = new AbortController();
    this.#asked.set(id, asked);
    this.#calls.tell({ kind: "asked", id });
    const { signal } = asked;
    try {
      const password = typeof this.#password === "function" ? await this.#password({ signal }) : this.#password ?? "";
      if (!signal.aborted) this.#calls.tell({ kind: "password", id, password });
    } catch (error) {
      if (!signal.aborted) this.#calls.tell({ kind: "password", id, error: toWire(asSottoError(error)) });
    } finally {
      if (this.#asked.get(id) === asked) this.#asked.delete(id); // another leader counts anew
    }
  }
}
