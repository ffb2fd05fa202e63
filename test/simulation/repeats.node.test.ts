/** What the simulation has found, in its shortest form. @module */
import { rmSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { Emitter } from "../../src/base/events.js";
import { findChild, xml, type XmlElement } from "../../src/base/xml.js";
import { managementNamespace } from "../../src/transport/stream/management.js";
import { closedError } from "../../src/transport/connection/closed.js";
import type { StreamEnd } from "../../src/transport/connection/stream.js";
import type { ElementChannel } from "../../src/transport/stream/element-channel.js";
import { clientNamespace } from "../../src/transport/xep/namespaces.js";
import { bundle } from "./bundle.js";
import type * as Harness from "./harness.js";
import { Scheduler, seededRng } from "./scheduler.js";

const file = bundle("harness.ts");
const { base, establishSession, juliet, romeo, usualServer, Verifier, World } = await import(/* @vite-ignore */ pathToFileURL(file).href) as typeof Harness;
afterAll(() => { rmSync(file, { force: true }); });

test("Q16 a receipt that came live and comes again with the archive, many turns later, is no message that cannot be read", async () => {
  const from = await base("acquainted", "usual");
  const world = new World(3, usualServer, from);
  const verifier = new Verifier(world, from);
  for (const person of world.people) person.start();
  await world.rest();
  for (let turn = 1; turn <= 8; turn++) {
    world.romeo.send(juliet, `question ${String(turn)}`);
    await world.rest();
    world.juliet.send(romeo, `answer ${String(turn)}`);
    await world.rest();
  }
  for (const person of world.people) {
    person.life?.die();
    world.server.expire();
    person.start();
    await world.until(() => false, 300_000);
  }
  await world.rest();
  expect(world.wrongs).toEqual([]);
  expect(await verifier.look({ receipts: true })).toEqual([]);
  world.end();
});

const bindNamespace = "urn:ietf:params:xml:ns:xmpp-bind";

/** A connection on which the server settles the session and hangs up in one breath. */
function abruptChannel(): ElementChannel {
  const elements = new Emitter<XmlElement>();
  const ends = new Emitter<StreamEnd>();
  let isOpen = true;
  const end = (): void => {
    if (!isOpen) return;
    isOpen = false;
    ends.emit({ error: closedError() });
  };
  return {
    features: xml("http://etherx.jabber.org/streams", "features", {}, xml(bindNamespace, "bind"), xml(managementNamespace, "sm")),
    get isOpen() { return isOpen; },
    write(element) {
      queueMicrotask(() => {
        if (findChild(element, bindNamespace, "bind") !== undefined) {
          const jid = xml(bindNamespace, "bind", {}, xml(bindNamespace, "jid", {}, `${romeo}/balcony`));
          elements.emit(xml(clientNamespace, "iq", { type: "result", id: element.attrs["id"] }, jid));
        }
        if (element.name === "enable") {
          elements.emit(xml(managementNamespace, "enabled", { id: "s1", resume: "true" }));
          end();
        }
      });
      return Promise.resolve();
    },
    onElement: (listener) => elements.subscribe(listener),
    onEnd: (listener) => ends.subscribe(listener),
    close: () => { end(); return Promise.resolve(); },
    fail: end,
  };
}

test("N17 Q21 a stream that ends in the turn in which its session is settled tells so to whoever asks afterwards", async () => {
  const stream = await establishSession(abruptChannel(), { account: romeo, clock: new Scheduler().clock, rng: seededRng(1) });
  expect(stream.isOpen).toBe(false);
  const told = await new Promise<StreamEnd>((resolve) => { stream.onEnd(resolve); });
  expect(told.error?.code).toBe("ERR_STREAM_CLOSED");
});
