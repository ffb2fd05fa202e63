/**
 * The password that logins under this leader take: a text, from whichever tab, or the function of a tab, which is asked there. A tab may be closed, also
 * while it is asked: then what held before its function holds again, the leader's own password at least, and no login waits for somebody who is gone.
 * Not here: how the tab answers (facade-password.ts), what is passed on to the next leader (wishes.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import type { SottoClient } from "../client/client.js";
import { ClientError } from "../client/errors.js";
import type { PasswordSource } from "../client/login-options.js";
import { type Fields, malformed } from "./frame-fields.js";
import type { HostFrame } from "./frames.js";
import { fromWire, type WireError } from "./wire.js";

interface Ask {
  readonly settle: (answer: { readonly password: string } | { readonly error: Error }) => void;
}

/** A tab whose function is asked. */
export class AskedTab {
  readonly #send: (frame: HostFrame) => void;
  readonly #asks = new Map<number, Ask>();
  #lastAsk = 0;
  #closed = false;

  constructor(send: (frame: HostFrame) => void) {
    this.#send = send;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** @throws what the function throws; ClientError `ERR_LEADER_LOST` if the tab is closed, UsageError `ERR_ABORTED` */
  ask(signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw gone();
      const id = ++this.#lastAsk;
      const unask = (): void => {
        this.#send({ kind: "unask", id });
        settle({ error: new UsageError("ERR_ABORTED", "the password is not needed any more") });
      };
      const settle: Ask["settle"] = (answer) => {
        this.#asks.delete(id);
        signal.removeEventListener("abort", unask);
        if ("error" in answer) reject(answer.error);
        else resolve(answer.password);
      };
      this.#asks.set(id, { settle });
      signal.addEventListener("abort", unask);
      this.#send({ kind: "ask", id });
    });
  }

  /** What the tab says. */
  take({ id, password, error }: Fields): void {
    this.#asks.get(id as number)?.settle(
      typeof password === "string" ? { password } : { error: error === undefined ? malformed() : fromWire(error as WireError) },
    );
  }

  close(): void {
    this.#closed = true;
    for (const { settle } of [...this.#asks.values()]) settle({ error: gone() });
  }
}

/** See the module. */
export class TabPasswords {
  readonly #client: SottoClient;
  /** The last one that is no tab's function. */
  #lasting: PasswordSource;

  constructor(client: SottoClient) {
    this.#client = client;
    this.#lasting = client.core.options.password;
  }

  /** From now on it is this one. */
  set(password: string): void {
    this.#lasting = password;
    this.#client.setCredentials({ password });
  }

  /** From now on `tab` is asked. */
  follow(tab: AskedTab): void {
    this.#client.setCredentials({ password: async ({ signal }) => {
      try {
        return await tab.ask(signal);
      } catch (error) {
        if (!tab.isClosed || signal.aborted) throw error;
        return typeof this.#lasting === "string" ? this.#lasting : this.#lasting({ signal });
      }
    } });
  }
}

const gone = (): ClientError => new ClientError("ERR_LEADER_LOST", "the tab that knows the password is gone", { retryable: true });
