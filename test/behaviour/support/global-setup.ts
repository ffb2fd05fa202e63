/**
 * What the behaviour suite asks for from wherever it runs: a Prosody, accounts on it, and roads to it that can be cut. Answers over HTTP on
 * loopback, so that Node and Chromium ask in the same way. The Prosody starts when the first test asks; runs without such a test pay nothing.
 * @module
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { type Prosody, startProsody } from "../../../scripts/lib/prosody.mjs";
import { Road } from "./road.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the desk answers. */
    readonly behaviourDesk: string;
  }
}

const password = "a rose by any other name";

/** Everything that can be asked for; see stage.ts for what it means. */
class Desk {
  #server: Promise<Prosody> | undefined;
  readonly #roads = new Map<number, Road>();

  readonly answers: Readonly<Record<string, (asked: Readonly<Record<string, unknown>>) => Promise<unknown>>> = {
    account: async ({ name }) => {
      const { domain, registerAll } = await this.#prosody();
      const user = `${String(name)}${randomUUID().slice(0, 8)}`;
      await registerAll([user], password);
      return { account: `${user}@${domain}`, password };
    },
    road: async () => {
      const { ports } = await this.#prosody();
      const road = await Road.to(ports.ws);
      this.#roads.set(road.port, road);
      return { port: road.port, service: `ws://127.0.0.1:${road.port.toString()}/xmpp-websocket` };
    },
    cut: async ({ port }) => { this.#roads.get(Number(port))?.cut(); },
    mend: async ({ port }) => { this.#roads.get(Number(port))?.mend(); },
    log: async () => ({ log: await (await this.#prosody()).readLog() }),
  };

  async close(): Promise<void> {
    for (const road of this.#roads.values()) road.close();
    await this.#server?.then((server) => server.stop());
  }

  #prosody(): Promise<Prosody> {
    this.#server ??= startProsody({ logStanzas: true, extraModules: ["privacy_lists"] });
    return this.#server;
  }
}

async function answer(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader("Access-Control-Allow-Origin", "*"); // the tests' page is of another port
  try {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const wanted = desk.answers[(request.url ?? "").slice(1)];
    if (wanted === undefined) throw new Error(`nobody knows ${request.url ?? ""}`);
    response.end(JSON.stringify((await wanted(JSON.parse(text) as Readonly<Record<string, unknown>>)) ?? {}));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

/** Called by vitest once per run, before the first test. @returns what it calls after the last one */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const desk = new Desk();
  const server = createServer((request, response) => { void answer(desk, request, response); }).listen(0, "127.0.0.1");
  await once(server, "listening");
  project.provide("behaviourDesk", `http://127.0.0.1:${(server.address() as AddressInfo).port.toString()}`);
  return async () => {
    server.closeAllConnections();
    server.close();
    await desk.close();
  };
}
