/**
 * The password that logins under this leader take: a text, from whichever tab, or the function of a tab, which is asked there. A tab may be closed, also
 * while it is asked, or be frozen: then what held before its function holds again, the leader's own password at least, and no login waits for somebody who
 * is gone.
 * Not here: how the tab answers (facade-password.ts), what is passed on to the next leader (wishes.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { UsageError } from "../base/errors.js";
import { leaderAnswerMsMax } from "../base/limits.js";
import type { SottoClient } from "../client/client.js";
import type { PasswordSource } from "../client/login-options.js";
import { type Fields, malformed } from "./frame-fields.js";
import type { HostFrame } from "./frames.js";
import { fromWire, type WireError } from "./wire.js";

interface Ask {
  /** The tab runs: its user has all the time that he wants. */
  readonly heard: () => void;
  readonly settle: (answer: Answer) => void;
}

type Answer = { readonly password: string | undefined } | { readonly error: Error };

/** A tab whose function is asked. */
export class AskedTab {
  readonly name: string;
  readonly #send: (frame: HostFrame) => void;
  readonly #clock: Clock;
  readonly #asks = new Map<number, Ask>();
  #lastAsk = 0;
  #closed = false;

  constructor(name: string, send: (frame: HostFrame) => void, clock: Clock) {
    this.name = name;
    this.#send = send;
    this.#clock = clock;
  }

  /** @returns `undefined` if the tab is closed, or frozen @throws what the function throws; UsageError `ERR_ABORTED` */
  ask(signal: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastAsk;
      const unask = (answer: Answer): void => {
        this.#send({ kind: "unask", id });
        settle(answer);
      };
      const aborted = (): void => { unask({ error: new UsageError("ERR_ABORTED", "the password is not needed any more") }); };
      const heard = this.#clock.schedule(leaderAnswerMsMax, () => { unask({ password: undefined }); });
      const settle: Ask["settle"] = (answer) => {
        heard();
        this.#asks.delete(id);
        signal.removeEventListener("abort", aborted);
        if ("error" in answer) reject(answer.error);
        else resolve(answer.password);
      };
      this.#asks.set(id, { heard, settle });
      signal.addEventListener("abort", aborted);
      if (this.#closed) settle({ password: undefined });
      else this.#send({ kind: "ask", id });
    });
  }

  /** The tab runs, and asks its function. */
  heard({ id }: Fields): void {
    this.#asks.get(id as number)?.heard();
  }

  /** What the tab says. */
  take({ id, password, error }: Fields): void {
    this.#asks.get(id as number)?.settle(
      typeof password === "string" ? { password } : { error: error === undefined ? malformed() : fromWire(error as WireError) },
    );
  }

  close(): void {
    this.#closed = true;
    for (const { settle } of [...this.#asks.values()]) settle({ password: undefined });
  }
}

/** See the module. */
export class TabPasswords {
  readonly #client: SottoClient;
  /** The last one that is no tab's function. */
  #lasting: PasswordSource;
  /** The tab that has set it last. */
  #of: string | undefined;

  /** @param of the tab that has set it last, under a former leader */
  constructor(client: SottoClient, of: string | undefined) {
    this.#client = client;
    this.#of = of;
    this.#lasting = client.core.options.password;
  }

  /** From now on it is this one. */
  set(password: string, tab: AskedTab): void {
    this.#client.setCredentials({ password });
    this.#lasting = password;
    this.#of = tab.name;
  }

  /** From now on `tab` is asked. */
  follow(tab: AskedTab): void {
    this.#of = tab.name;
    this.#ask(tab);
  }

  /** `tab` has set a function under a former leader. It is not asked if another tab has set something since: that is newer, and the old one may be wrong. */
  followAgain(tab: AskedTab): void {
    if (this.#of === undefined || this.#of === tab.name) this.#ask(tab);
  }

  #ask(tab: AskedTab): void {
    this.#client.setCredentials({ password: async ({ signal }) => {
      const password = await tab.ask(signal);
      if (password !== undefined) return password;
      return typeof this.#lasting === "string" ? this.#lasting : this.#lasting({ signal });
    } });
  }
}
