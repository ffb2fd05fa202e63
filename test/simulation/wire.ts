/**
 * A connection in memory: the client's end is an ElementChannel, as the real one is after authentication; the server's end is a pair of
 * callbacks. Elements keep their order, take their time, and arrive several in one turn when their times fall together.
 * @module
 */
import { Emitter, type Unsubscribe } from "../../src/base/events.js";
import type { XmlElement } from "../../src/base/xml.js";
import { closedError } from "../../src/transport/connection/closed.js";
import type { StreamEnd } from "../../src/transport/connection/stream.js";
import type { TransportError } from "../../src/transport/errors.js";
import type { ElementChannel } from "../../src/transport/stream/element-channel.js";
import { never, type Fault, type Life } from "./life.js";
import type { Random, Scheduler } from "./scheduler.js";

/** The server's end. */
export interface WireEnd {
  readonly take: (element: XmlElement) => void;
  /** `clean`: the client said goodbye; otherwise the connection just broke. */
  readonly ended: (clean: boolean) => void;
}

export interface WireOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly life: Life;
  readonly features: XmlElement;
  /** Told of every element that leaves the client's process, whatever becomes of it. */
  readonly onLeaving: (element: XmlElement) => void;
}

/** One direction: a queue whose head is delivered when its time has come. */
class Lane {
  readonly #queue: { readonly due: number; readonly run: () => void }[] = [];
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #last = 0;
  #cancel: (() => void) | undefined;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  push(run: () => void): void {
    const delay = [0, 0, 0, 1, 5, 20][Math.floor(this.#random() * 6)] as number;
    this.#last = Math.max(this.#last, this.#scheduler.now + delay);
    this.#queue.push({ due: this.#last, run });
    this.#plan();
  }

  clear(): void {
    this.#queue.length = 0;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #plan(): void {
    const [head] = this.#queue;
    if (head === undefined || this.#cancel !== undefined) return;
    this.#cancel = this.#scheduler.after(head.due - this.#scheduler.now, () => {
      this.#cancel = undefined;
      // One read of the socket: whatever has arrived by now comes in one turn (threats Q07).
      for (let next = this.#queue[0]; next !== undefined && next.due <= this.#scheduler.now; next = this.#queue[0]) {
        this.#queue.shift();
        next.run();
      }
      this.#plan();
    });
  }
}

/** Both ends of one connection. */
export class Wire implements ElementChannel {
  readonly features: XmlElement;
  readonly #o: WireOptions;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #elements = new Emitter<XmlElement>((error) => { throw error; });
  readonly #ends = new Emitter<StreamEnd>((error) => { throw error; });
  #server: WireEnd | undefined;
  #end: StreamEnd | undefined;
  #early: XmlElement[] = [];
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => undefined;
  /** Nothing that the client does now reaches the server. */
  #severed = false;
  /** The connection is broken, and the client does not know yet. */
  #broken = false;

  constructor(options: WireOptions) {
    this.#o = options;
    this.features = options.features;
    this.#gone = new Promise((resolve) => { this.#resolveGone = resolve; });
    this.#up = new Lane(options.scheduler, options.random);
    this.#down = new Lane(options.scheduler, options.random);
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /** Nothing is on its way, and both ends know how things stand. */
  get isQuiet(): boolean {
    return this.#up.isEmpty && this.#down.isEmpty && !this.#broken;
  }

  /** The client's process has died: what is still on its way from it may arrive behind the words of the next one. */
  get isOrphaned(): boolean {
    return this.#o.life.dead;
  }

  serve(server: WireEnd): void {
    this.#server = server;
  }

  // The client's end.

  write(element: XmlElement): Promise<void> {
    const { life } = this.#o;
    if (life.dead) return never();
    if (this.#end !== undefined) return Promise.reject(this.#end.error ?? closedError());
    const fault = life.next("write");
    if (fault?.moment === "before") return this.#strike(fault);
    this.#o.onLeaving(element);
    if (!this.#severed) this.#up.push(() => { this.#server?.take(element); });
    return fault === undefined ? Promise.resolve() : this.#strike(fault);
  }

  onElement(listener: (element: XmlElement) => void): Unsubscribe {
    const unsubscribe = this.#elements.subscribe(listener);
    for (const element of this.#early.splice(0)) this.#elements.emit(element);
    return unsubscribe;
  }

  onEnd(listener: (end: StreamEnd) => void): Unsubscribe {
    return this.#ends.subscribe(listener);
  }

  close(): Promise<void> {
    if (this.#o.life.dead) return never();
    if (this.#end === undefined) {
      this.#finish({});
      this.#goodbye();
    }
    return this.#gone;
  }

  fail(error: TransportError): void {
    if (this.#end !== undefined || this.#o.life.dead) return;
    this.#finish({ error });
    this.#goodbye();
  }

  // The server's end.

  send(element: XmlElement): void {
    if (!this.#severed) this.#down.push(() => { this.#arrive(element); });
  }

  /** The server ends the connection, with or without a reason. */
  hangUp(error: TransportError = closedError()): void {
    this.#server = undefined;
    this.#up.clear();
    this.#down.push(() => {
      this.#resolveGone();
      this.#finish({ error });
    });
  }

  // What happens to both.

  /**
   * The line breaks. What the client wrote may still come through, and does with `passes`; what the server wrote does not. Each end notices
   * in its own time.
   */
  cut(passes = false): void {
    if (this.#severed || this.#server === undefined) return;
    const { random, scheduler } = this.#o;
    this.#broken = true;
    this.#severed = true;
    this.#down.clear();
    if (!passes && random() < 0.5) this.#up.clear();
    // A server that does not notice keeps the session as it is: the next connection of the client ends it.
    const server = this.#server;
    if (random() < 0.5) this.#up.push(() => { if (this.#server === server) this.#lose(false); });
    scheduler.after(Math.floor(random() * 2_000), () => {
      this.#broken = false;
      this.#resolveGone();
      this.#finish({ error: closedError() });
    });
  }

  /** The client's process has died: its system closes the connection, or the machine is gone and nobody says anything. */
  orphan(): void {
    this.#down.clear();
    this.#end ??= {};
    const server = this.#server;
    if (this.#o.random() < 0.7) this.#up.push(() => { if (this.#server === server) this.#lose(false); });
  }

  #goodbye(): void {
    if (this.#severed || this.#server === undefined) this.#resolveGone();
    else {
      this.#up.push(() => {
        this.#lose(true);
        this.#resolveGone();
      });
    }
  }

  #lose(clean: boolean): void {
    const server = this.#server;
    this.#server = undefined;
    server?.ended(clean);
  }

  #arrive(element: XmlElement): void {
    const { life } = this.#o;
    if (life.dead || this.#end !== undefined) return;
    const fault = life.next("receive");
    if (fault?.moment === "before") {
      void this.#strike(fault);
      return;
    }
    if (this.#elements.size === 0) this.#early.push(element);
    else this.#elements.emit(element);
    if (fault !== undefined) void this.#strike(fault);
  }

  #strike(fault: Fault): Promise<void> {
    if (fault.kind === "cut") {
      this.cut(fault.operation === "write" && fault.moment === "after");
      return Promise.resolve(); // a socket takes what it cannot deliver
    }
    this.#o.life.die();
    return never();
  }

  #finish(end: StreamEnd): void {
    if (this.#end !== undefined || this.#o.life.dead) return;
    this.#end = end;
    this.#ends.emit(end);
  }
}
