/** How a program of the fault tests dies: by SIGKILL to itself at the n-th commit of a store or the n-th write to a socket (Node only). @module */
import process from "node:process";
import { TLSSocket } from "node:tls";
import type { Change, Fence, Store } from "sotto";

/** Where the program ends. Operations count from 1, over all clients of the program. */
export interface Death {
  readonly operation: "commit" | "write";
  readonly number: number;
  /** Before the operation is begun, or right after it is done and before anybody hears of it. */
  readonly moment: "before" | "after";
}

/** The operations of this program, and its end. */
export class Mortality {
  readonly #death: Death | undefined;
  readonly #counts = { commit: 0, write: 0 };

  constructor(death: Death | undefined) {
    this.#death = death;
  }

  get counts(): { readonly commit: number; readonly write: number } {
    return this.#counts;
  }

  /** `store`, with its commits counted. */
  store(store: Store): Store {
    return {
      acquire: () => store.acquire(),
      owns: (fence) => store.owns(fence),
      get: (key) => store.get(key),
      getMany: (keys) => store.getMany(keys),
      list: (range) => store.list(range),
      close: () => store.close(),
      destroy: () => store.destroy(),
      commit: async (changes: readonly Change[], fence: Fence) => {
        const number = this.#begin("commit");
        await store.commit(changes, fence);
        this.#end("commit", number);
      },
    };
  }

  /** Counts the writes of all TLS sockets and shows their text to `observe` before they happen. */
  watchSockets(observe: (text: string) => void): void {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the socket as `this` below
    const write = TLSSocket.prototype.write as (...args: unknown[]) => boolean;
    const begin = (): number => this.#begin("write");
    const end = (number: number): void => { this.#end("write", number); };
    TLSSocket.prototype.write = function (this: TLSSocket, ...args: unknown[]): boolean {
      const [data] = args;
      observe(typeof data === "string" ? data : Buffer.from(data as Uint8Array).toString());
      const number = begin();
      const result = write.apply(this, args);
      end(number); // the kernel has it, or Node keeps it until the kernel takes it
      return result;
    };
  }

  #begin(operation: Death["operation"]): number {
    this.#counts[operation] += 1;
    this.#dieIf(operation, this.#counts[operation], "before");
    return this.#counts[operation];
  }

  #end(operation: Death["operation"], number: number): void {
    this.#dieIf(operation, number, "after");
  }

  #dieIf(operation: Death["operation"], number: number, moment: Death["moment"]): void {
    const death = this.#death;
    if (death?.operation === operation && death.number === number && death.moment === moment) process.kill(process.pid, "SIGKILL");
  }
}
