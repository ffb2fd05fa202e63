/** The fault proxy does what it says, no more and no less: the scenarios stand on it. */
import { once } from "node:events";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cut, FaultProxy } from "./fault-proxy.js";

let server: net.Server;
let proxy: FaultProxy;
let atServer: Buffer;
let serverSide: net.Socket[];

beforeEach(async () => {
  atServer = Buffer.alloc(0);
  serverSide = [];
  server = net.createServer((socket) => {
    serverSide.push(socket);
    socket.on("data", (data) => { atServer = Buffer.concat([atServer, data]); }).on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await FaultProxy.start({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port });
});

afterEach(async () => {
  await proxy.close();
  server.close();
});

interface Client {
  readonly socket: net.Socket;
  readonly heard: () => string;
  readonly closed: Promise<unknown>;
}

async function connect(): Promise<Client> {
  const socket = net.connect(proxy.port, "127.0.0.1").on("error", () => undefined);
  let heard = "";
  socket.on("data", (data) => { heard += data.toString(); });
  const closed = once(socket, "close");
  await once(socket, "connect");
  await expect.poll(() => serverSide.length).toBeGreaterThan(0);
  return { socket, heard: () => heard, closed };
}

const never = new AbortController().signal;

test("both directions pass unchanged while nothing is to happen", async () => {
  const { socket, heard } = await connect();
  socket.write("up");
  serverSide[0]?.write("down");
  await expect.poll(() => [atServer.toString(), heard()]).toEqual(["up", "down"]);
});

test("a cut at the n-th byte lets exactly n bytes pass and closes both sides; the next connection is whole", async () => {
  const { socket, closed } = await connect();
  socket.write("12345");
  await expect.poll(() => atServer.toString()).toBe("12345");
  const struck = proxy.strike(cut({ kind: "bytes", direction: "up", count: 4 }), never);
  socket.write("6789abcdef");
  expect(await struck).toBe("struck");
  await closed;
  await expect.poll(() => [serverSide[0]?.closed, atServer.toString()]).toEqual([true, "123456789"]);
  const again = await connect();
  again.socket.write("!");
  await expect.poll(() => atServer.toString()).toBe("123456789!");
});

test("a cut at the n-th piece lets n pieces pass", async () => {
  const { socket, closed } = await connect();
  const struck = proxy.strike(cut({ kind: "pieces", direction: "up", count: 2 }), never);
  for (const piece of ["a", "b", "c"]) {
    socket.write(piece);
    await delay(20); // apart, so that they are not read as one
  }
  await struck;
  await closed;
  expect(atServer.toString()).toBe("ab");
});

test("what is swallowed never arrives, the other direction passes, and both sides are closed when it is over", async () => {
  const { socket, heard, closed } = await connect();
  const struck = proxy.strike({ trigger: { kind: "ms", count: 0 }, swallow: ["down"], lastsMs: 500 }, never);
  await delay(30);
  serverSide[0]?.write("acknowledged");
  socket.write("stanza");
  await expect.poll(() => atServer.toString()).toBe("stanza");
  await struck;
  await closed;
  expect(heard()).toBe("");
});

test("a server that leaves first does so unseen: the client hears nothing until the fault is over", async () => {
  const { closed } = await connect();
  const order: string[] = [];
  const left = closed.then(() => { order.push("client"); });
  serverSide[0]?.once("close", () => { order.push("server"); });
  const struck = proxy.strike({ trigger: { kind: "ms", count: 0 }, swallow: ["up", "down"], lastsMs: 200, serverLeavesFirst: true }, never);
  await struck;
  order.push("over");
  await left;
  expect(order).toEqual(["server", "over", "client"]);
});

test("connections are refused for as long as asked, and a fault that is called off does nothing", async () => {
  const { closed } = await connect();
  const struck = proxy.strike({ ...cut({ kind: "ms", count: 0 }), refuseMs: 1_000 }, never); // long enough to come back in time
  await closed;
  const refused = net.connect(proxy.port, "127.0.0.1").on("error", () => undefined);
  await once(refused, "close");
  expect(proxy.connections).toBe(1);
  await struck;
  const whole = await connect();
  const callOff = new AbortController();
  const aborted = proxy.strike(cut({ kind: "bytes", direction: "up", count: 1 }), callOff.signal);
  callOff.abort();
  expect(await aborted).toBe("aborted");
  whole.socket.write("whole");
  await expect.poll(() => atServer.toString()).toBe("whole");
});
