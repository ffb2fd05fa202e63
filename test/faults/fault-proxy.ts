/**
 * A TCP proxy between one client and a server that does to a connection what bad networks do, at a byte, a piece or a time that is given (Node only).
 * "Up" is from the client to the server. A piece is what one read of the proxy brought: about a stanza, on a loopback.
 * @module
 */
import { once } from "node:events";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export type Direction = "up" | "down";

/** When a fault begins, counted from {@link FaultProxy.strike}. */
export type Trigger =
  | { readonly kind: "bytes" | "pieces"; readonly direction: Direction; readonly count: number }
  | { readonly kind: "ms"; readonly count: number };

export interface Fault {
  readonly trigger: Trigger;
  /** Directions in which nothing passes any more, from the trigger on. The bytes vanish: they are not delivered later. */
  readonly swallow: readonly Direction[];
  /** Milliseconds from the trigger until both connections are closed. */
  readonly lastsMs: number;
  /** Milliseconds after that for which new connections are refused. */
  readonly refuseMs?: number;
  /** The server's side is closed at the trigger already, so that its own clock of resumption runs while the client waits. */
  readonly serverLeavesFirst?: boolean;
}

/** A cut: both sides end in the middle of whatever they were saying. */
export const cut = (trigger: Trigger): Fault => ({ trigger, swallow: ["up", "down"], lastsMs: 0 });

interface Link {
  readonly client: net.Socket;
  readonly server: net.Socket;
}

export class FaultProxy {
  /** Milliseconds that every piece waits before it goes on, in both directions. */
  delayMs = 0;
  readonly #listener: net.Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  readonly #swallowing = new Set<Direction>();
  #passed = { up: 0, down: 0, upPieces: 0, downPieces: 0 };
  #connections = 0;
  #refusing = false;
  #limit: { readonly trigger: Exclude<Trigger, { kind: "ms" }>; readonly start: number; readonly reached: () => void } | undefined;

  private constructor(listener: net.Server, target: { readonly host: string; readonly port: number }) {
    this.#listener = listener;
    this.#target = target;
    listener.on("connection", (client) => { this.#join(client); });
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const listener = net.createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    return new FaultProxy(listener, target);
  }

  get port(): number {
    return (this.#listener.address() as net.AddressInfo).port;
  }

  /** Connections the client has made. */
  get connections(): number {
    return this.#connections;
  }

  /** Bytes that went on to the other side. */
  get passed(): { readonly up: number; readonly down: number } {
    return this.#passed;
  }

  /** Waits for the fault's moment, lets it happen, and resolves when new connections pass again. An abort before the moment is no fault. */
  async strike(fault: Fault, signal: AbortSignal): Promise<"struck" | "aborted"> {
    if (signal.aborted) return "aborted";
    const aborted = new Promise<true>((resolve) => { signal.addEventListener("abort", () => { resolve(true); }, { once: true }); });
    const calledOff = await Promise.race([this.#moment(fault.trigger), aborted]);
    this.#limit = undefined;
    if (calledOff) return "aborted";
    for (const direction of fault.swallow) this.#swallowing.add(direction);
    if (fault.serverLeavesFirst === true) for (const { server } of this.#links) server.destroy();
    if (fault.lastsMs > 0) await delay(fault.lastsMs);
    this.cutNow();
    this.#swallowing.clear();
    if (fault.refuseMs !== undefined) {
      this.#refusing = true;
      await delay(fault.refuseMs);
      this.#refusing = false;
    }
    return "struck";
  }

  /** Closes every connection; new ones pass. */
  cutNow(): void {
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
    this.#links.clear();
  }

  async close(): Promise<void> {
    this.cutNow();
    this.#listener.close();
    await once(this.#listener, "close");
  }

  /** Resolves, with false, when the moment has come. */
  #moment(trigger: Trigger): Promise<false> {
    if (trigger.kind === "ms") return delay(trigger.count, false);
    return new Promise((resolve) => {
      this.#limit = { trigger, start: this.#count(trigger), reached: () => { resolve(false); } };
    });
  }

  #count(trigger: { readonly kind: "bytes" | "pieces"; readonly direction: Direction }): number {
    if (trigger.kind === "bytes") return this.#passed[trigger.direction];
    return trigger.direction === "up" ? this.#passed.upPieces : this.#passed.downPieces;
  }

  #join(client: net.Socket): void {
    if (this.#refusing) {
      client.on("error", () => undefined).destroy();
      return;
    }
    this.#connections += 1;
    const link: Link = { client, server: net.connect(this.#target.port, this.#target.host) };
    this.#links.add(link);
    this.#pipe(client, link.server, "up", link);
    this.#pipe(link.server, client, "down", link);
  }

  #pipe(from: net.Socket, to: net.Socket, direction: Direction, link: Link): void {
    from.setNoDelay(true);
    from.on("data", (data: Buffer) => {
      if (this.delayMs === 0) this.#forward(data, to, direction);
      else setTimeout(() => { this.#forward(data, to, direction); }, this.delayMs);
    });
    from.on("error", () => undefined); // "close" follows, and that is what counts
    from.on("close", () => {
      if (this.#swallowing.size > 0) return; // nobody learns of anything during a fault
      to.end();
      if (link.client.destroyed && link.server.destroyed) this.#links.delete(link);
    });
  }

  #forward(data: Buffer, to: net.Socket, direction: Direction): void {
    if (this.#swallowing.has(direction) || to.destroyed) return;
    const part = this.#limited(data, direction);
    this.#passed[direction] += part.length;
    this.#passed[direction === "up" ? "upPieces" : "downPieces"] += 1;
    to.write(part);
    const limit = this.#limit;
    if (limit?.trigger.direction !== direction || this.#count(limit.trigger) - limit.start < limit.trigger.count) return;
    this.#limit = undefined;
    limit.reached(); // strike() goes on in a microtask: no further read comes before it
  }

  /** The bytes up to the one that was asked for. */
  #limited(data: Buffer, direction: Direction): Buffer {
    const limit = this.#limit;
    if (limit?.trigger.kind !== "bytes" || limit.trigger.direction !== direction) return data;
    return data.subarray(0, Math.max(1, limit.trigger.count - (this.#passed[direction] - limit.start)));
  }
}
