/** What a TCP link says and asks for in its TLS handshakes, against a listener that looks (Node only): threats N04, N10. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import * as tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createTestAuthority, type TestAuthority, type TestCertificate } from "../../src/testing/node/certificates.js";
import { openTcp } from "../../src/transport/connection/node-tcp.js";
import type { Link } from "../../src/transport/connection/sockets.js";
import type { TransportError } from "../../src/transport/errors.js";

/** What the client asked for in its handshake; `false`: not said. */
interface Asked { readonly name: string | false | undefined; readonly protocol: string | false | null }

const never = new AbortController().signal;
let authority: TestAuthority;
const servers: Server[] = [];
const accepted: Socket[] = [];
const links: Link[] = [];
/** The ends that were reported. */
const ends: (TransportError | undefined)[] = [];

beforeAll(async () => { authority = await createTestAuthority(); });
afterEach(async () => {
  for (const link of links.splice(0)) link.destroy();
  for (const socket of accepted.splice(0)) socket.destroy();
  ends.splice(0);
  for (const server of servers.splice(0)) await new Promise((resolve) => { server.close(resolve); });
});
afterAll(() => authority.close());

/** The port on which `server` listens until the test is over. */
async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on("connection", (socket: Socket) => { accepted.push(socket); });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return (server.address() as AddressInfo).port;
}

/** A listener that speaks TLS from the first byte. */
async function listening(certificate: TestCertificate): Promise<{ readonly port: number; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = tls.createServer({ ...certificate, ALPNProtocols: ["xmpp-client"] }, (socket) => {
    asked.push({ name: (socket as tls.TLSSocket & { readonly servername?: string | false }).servername, protocol: socket.alpnProtocol });
    socket.on("error", () => undefined).resume();
  });
  server.on("tlsClientError", () => undefined);
  return { port: await listen(server), asked };
}

describe.each([["direct TLS", true], ["STARTTLS", false]] as const)("over %s", (_, directTls) => {
  async function open(port: number, domain: string, signal: AbortSignal = never): Promise<Link> {
    const link = await openTcp({ host: "127.0.0.1", port, domain, directTls, tls: { ca: authority.ca } }, { data: () => undefined, closed: (error) => { ends.push(error); } }, signal);
    links.push(link);
    if (!directTls) await link.startTls?.(domain);
    return link;
  }

  test("N04 the certificate of the account's domain is asked for, among all that the host may have", async () => {
    const { port, asked } = await listening(await authority.issue({ names: ["DNS:verona.example"] }));
    expect((await open(port, "verona.example")).secure).toBe(true);
    await expect.poll(() => asked).toEqual([{ name: "verona.example", protocol: directTls ? "xmpp-client" : false }]);
  });

  test("N04 where the domain is an address it is that address which has to be proven, not the one that was dialled", async () => {
    const dialled = await listening(await authority.issue({ names: ["IP:127.0.0.1"] }));
    await expect(open(dialled.port, "127.0.0.2")).rejects.toMatchObject({ code: "ERR_TLS_FAILED", retryable: false });
    const right = await listening(await authority.issue({ names: ["IP:127.0.0.2"] }));
    expect((await open(right.port, "127.0.0.2")).secure).toBe(true);
  });

  test("N04 N19 a link that was open ends with a handshake that fails, at once and for the same reason", async () => {
    const { port } = await listening(await authority.issue({ names: ["DNS:evil.example"] }));
    await expect(open(port, "verona.example")).rejects.toMatchObject({ code: "ERR_TLS_FAILED" });
    expect(ends.map((error) => error?.code)).toEqual(directTls ? [] : ["ERR_TLS_FAILED"]);
  });

  test("an end is told once, and nothing is written behind it", async () => {
    const { port } = await listening(await authority.issue({ names: ["DNS:verona.example"] }));
    const link = await open(port, "verona.example");
    link.destroy();
    link.destroy();
    expect(ends).toEqual([undefined]);
    await expect(link.write("late")).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
  });

  test("N19 the signal ends an attempt, also one that has not begun, and not the link that came of it", async () => {
    const { port } = await listening(await authority.issue({ names: ["DNS:verona.example"] }));
    await expect(open(port, "verona.example", AbortSignal.abort())).rejects.toMatchObject({ code: "ERR_CONNECT_FAILED" });
    const attempt = new AbortController();
    const link = await open(port, "verona.example", attempt.signal);
    attempt.abort();
    await link.write("hello");
    expect(ends).toEqual([]);
  });
});

test("N19 of a handshake that is given up, or has no name to prove, no connection is left", async () => {
  const mute = createServer((socket) => { socket.on("error", () => undefined).resume(); });
  const port = await listen(mute);
  const connections = (): Promise<number> => new Promise((resolve) => { mute.getConnections((_, count) => { resolve(count); }); });
  const target = { host: "127.0.0.1", port, directTls: true, tls: {} };
  const handlers = { data: () => undefined, closed: () => { ends.push(undefined); } };
  await expect(openTcp({ ...target, domain: "xn--a" }, handlers, never)).rejects.toMatchObject({ code: "ERR_TLS_FAILED" });
  await expect.poll(connections).toBe(0);
  const attempt = new AbortController();
  const opening = openTcp({ ...target, domain: "verona.example" }, handlers, attempt.signal);
  await expect.poll(() => accepted.at(-1)?.bytesRead).toBeGreaterThan(0);
  attempt.abort();
  await expect(opening).rejects.toMatchObject({ code: "ERR_CONNECT_FAILED", retryable: true });
  await expect.poll(connections).toBe(0);
  expect(ends).toEqual([]); // it was never open
});
