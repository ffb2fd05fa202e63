/** What all suites against the hostile server share: an authority, servers that are closed after each test, and a client whose timers are counted (Node only). */
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { systemClock, type Clock } from "../../src/base/clock.js";
import { bareJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { createTestAuthority, type TestAuthority, type TestCertificate, type TestCertificateOptions } from "../../src/testing/node/certificates.js";
import { hostileServer, type HostileServer, type HostileServerOptions, type Scenario, type ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import { connectOver } from "../../src/transport/connection/connect.js";
import type { ConnectOptions } from "../../src/transport/connection/connect-options.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import { createStreamMachine } from "../../src/transport/connection/stream-machine-node.js";
import type { CreateStreamMachine } from "../../src/transport/connection/stream-machine.js";
import type { Stream, StreamEnd } from "../../src/transport/connection/stream.js";
import { TransportError } from "../../src/transport/errors.js";
import { account, domain, password } from "./xmpp-script.js";

/** Counts timers: nothing may be left after an end. */
export class CountingClock implements Clock {
  pending = 0;
  now = (): number => systemClock.now();
  monotonic = (): number => systemClock.monotonic();
  schedule = (delayMs: number, task: () => void): (() => void) => {
    this.pending++;
    let live = true;
    const done = (): void => { if (live) { live = false; this.pending--; } };
    const cancel = systemClock.schedule(delayMs, () => { done(); task(); });
    return () => { done(); cancel(); };
  };
}

export const serviceOf = { tcp: "xmpp", tls: "xmpps", websocket: "ws" } as const;
export type Kind = keyof typeof serviceOf;
export const loopback = { unsafeAllowInsecureLoopback: true } as const;
export const ended = (stream: Stream): Promise<StreamEnd> => new Promise((resolve) => { stream.onEnd(resolve); });

/** Answers the client's end tag, so that its close need not wait for the deadline. */
export async function goodbye(connection: ScriptedConnection): Promise<void> {
  await connection.expect("</stream:stream>");
  await connection.send("</stream:stream>");
}

export class HostileKit {
  readonly #machine: CreateStreamMachine;
  clock = new CountingClock();
  /** How often the password was asked for. */
  asked = 0;
  #authority: TestAuthority | undefined;
  #good: TestCertificate | undefined;
  readonly #servers: HostileServer[] = [];

  constructor(machine: CreateStreamMachine) {
    this.#machine = machine;
  }

  get authority(): TestAuthority {
    return this.#authority as TestAuthority;
  }

  /** A certificate that proves the domain and the loopback address. */
  get good(): TestCertificate {
    return this.#good as TestCertificate;
  }

  async open(): Promise<void> {
    this.#authority = await createTestAuthority();
    this.#good = await this.issue();
  }

  async close(): Promise<void> {
    for (const server of this.#servers.splice(0)) await server.close();
  }

  issue(options: Partial<TestCertificateOptions> = {}): Promise<TestCertificate> {
    return this.authority.issue({ names: [`DNS:${domain}`, "IP:127.0.0.1"], ...options });
  }

  /** Starts a server that is closed after the test; the counters begin anew. */
  async serve(options: HostileServerOptions, scenario: Scenario): Promise<HostileServer> {
    const server = await hostileServer(options, scenario);
    this.#servers.push(server);
    this.clock = new CountingClock();
    this.asked = 0;
    return server;
  }

  /** A server behind direct TLS with the good certificate. */
  protectedServer(scenario: Scenario): Promise<HostileServer> {
    return this.serve({ kind: "tls", certificate: this.good }, scenario);
  }

  dial(server: HostileServer, kind: Kind, over: Partial<ConnectOptions> = {}): Promise<Stream> {
    return connectOver(this.#machine, {
      account: bareJid(account), service: `${serviceOf[kind]}://127.0.0.1:${String(server.port)}`, clock: this.clock, rng: systemRng(), tls: { ca: this.authority.ca },
      password: () => { this.asked++; return password; }, ...over,
    }, sockets);
  }

  /** The error of an attempt that must fail; afterwards nothing of it is left, here or there. */
  async refusal(server: HostileServer, kind: Kind, over: Partial<ConnectOptions> = {}): Promise<TransportError> {
    const outcome = await this.dial(server, kind, over).then(() => undefined, (error: unknown) => error);
    expect(outcome).toBeInstanceOf(TransportError);
    expect(this.clock.pending).toBe(0);
    await expect.poll(() => server.openConnections).toBe(0);
    return outcome as TransportError;
  }
}

/** A kit for the suite that calls it, over Node's stream machine or another one. */
export function hostileKit(machine: CreateStreamMachine = createStreamMachine): HostileKit {
  const kit = new HostileKit(machine);
  beforeAll(() => kit.open());
  afterEach(() => kit.close());
  afterAll(() => kit.authority.close());
  return kit;
}
