/** What a stream does with what was known before, and how the device is announced on it: threats Q19, R23, T03. */
import { expect, test } from "vitest";
import { systemRng } from "../../../src/base/rng.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import type { Connection } from "../../../src/client/link.js";
import { OnlineDirectory } from "../../../src/client/online-directory.js";
import { StreamSetup, type StreamSetupDeps } from "../../../src/client/stream-setup.js";
import { SessionError } from "../../../src/session/errors.js";
import { StorageError } from "../../../src/storage/errors.js";
import { IqClient } from "../../../src/transport/stream/iq.js";
import { connectionDouble } from "../../support/iq-double.js";
import { juliet, romeo, World, type TestDevice } from "../../support/omemo-world.js";
import { ManualClock, quiet } from "../../support/outbox-world.js";

/** Streams for `device`, as far as their first turn. Each is a function that plays the server. */
function streamsFor(device: TestDevice, world: World): (continued: boolean) => (stanza: XmlElement) => void {
  const setup = new StreamSetup({
    clock: world.clock, account: romeo, omemo: device.omemo, directory: new OnlineDirectory(),
  } as unknown as StreamSetupDeps); // nobody says anything on these streams, so nothing else is asked for
  return (continued) => {
    const { stream, ...server } = connectionDouble(romeo);
    const iq = new IqClient(stream, { rng: systemRng(), clock: world.clock });
    setup.attach({ stream, iq, archive: { handleMessage: () => false }, signal: new AbortController().signal, epoch: 1, continued } as unknown as Connection);
    return (stanza) => { server.receive(stanza); };
  };
}

const eventNamespace = "http://jabber.org/protocol/pubsub#event";

test("T18 a device list of the older version says nothing about the devices that are encrypted for", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await a.send(juliet, "before");
  const receive = streamsFor(a, world)(true);
  const tell = async (node: string, list: XmlElement): Promise<readonly number[]> => {
    receive(xml("jabber:client", "message", { from: juliet }, xml(eventNamespace, "event", {},
      xml(eventNamespace, "items", { node }, xml(eventNamespace, "item", { id: "current" }, list)))));
    await quiet();
    return (await a.omemo.devices(juliet)).flatMap(({ active, device }) => (active ? [device.deviceId] : []));
  };
  const [older, present] = ["eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2"] as const;
  expect(await tell(`${older}.devicelist`, xml(older, "list", {}, xml(older, "device", { id: 4711 })))).toEqual([b.id]);
  expect(await tell(`${present}:devices`, xml(present, "devices", {}, xml(present, "device", { id: 4711 })))).toEqual([4711]);
});

test("Q19 devices are looked at again on a stream that does not continue the last one, for nobody tells us what they became meanwhile", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const attach = streamsFor(a, world);
  await world.device(juliet);
  await a.send(juliet, "before");
  const late = await world.device(juliet); // while no stream was there
  const reachesLate = async (): Promise<boolean> => (await a.send(juliet, "after")).keys.some((key) => key.rid === late.id);
  attach(true); // nothing was missed
  expect(await reachesLate()).toBe(false);
  attach(false);
  expect(await reachesLate()).toBe(true);
});

/** A setup whose steps are written down, on one stream. */
function steps(): {
  readonly log: string[]; readonly clock: ManualClock; readonly errors: unknown[]; outcome: "contested" | undefined;
  announcing: () => void; settling: () => void; catchingUp: () => Promise<void>;
  readonly prepare: (continued?: boolean) => Promise<void>; readonly ownList: () => Promise<void>; readonly cut: () => void;
} {
  const clock = new ManualClock();
  const log: string[] = [];
  const errors: unknown[] = [];
  const step = (name: string) => async (): Promise<void> => { log.push(name); };
  const over = new AbortController();
  const server = connectionDouble(romeo);
  const scene = {
    log, clock, errors, outcome: undefined as "contested" | undefined,
    announcing: (): void => undefined, settling: (): void => undefined, catchingUp: async (): Promise<void> => undefined,
    prepare: (continued = false): Promise<void> => {
      const connection = { stream: server.stream, iq: { handle: () => undefined, request: async () => undefined }, archive: { handleMessage: () => false }, signal: over.signal, epoch: 1, continued } as unknown as Connection;
      setup.attach(connection);
      return setup.prepare(connection);
    },
    ownList: async (): Promise<void> => {
      const items = xml("http://jabber.org/protocol/pubsub#event", "items", { node: "urn:xmpp:omemo:2:devices" },
        xml("http://jabber.org/protocol/pubsub#event", "item", { id: "current" }, xml("urn:xmpp:omemo:2", "devices")));
      server.receive(xml("jabber:client", "message", { from: romeo }, xml("http://jabber.org/protocol/pubsub#event", "event", {}, items)));
      await quiet();
    },
    cut: (): void => { over.abort(); },
  };
  const setup = new StreamSetup({
    clock, account: romeo, directory: new OnlineDirectory(), hasPolicy: false, onError: (error: unknown) => { errors.push(error); },
    ledger: { run: async (work: (tx: undefined) => unknown) => work(undefined) },
    omemo: {
      expireDeviceLists: () => undefined, onDeviceList: async () => scene.outcome,
      announce: async () => { log.push("announce"); scene.announcing(); }, settlePreKeys: async () => { log.push("settle"); scene.settling(); },
    },
    roster: { prepare: step("roster") }, presence: { prepare: step("presence") }, gate: { met: () => undefined },
    rollback: { begin: step("rollback"), isDue: async () => false }, witness: { ask: async () => "consistent" }, catchUp: async () => { log.push("catch-up"); await scene.catchingUp(); },
  } as unknown as StreamSetupDeps);
  return scene;
}

const contested = (): SessionError => new SessionError("ERR_DEVICE_LIST_CONTESTED", "scripted", { retryable: true });

test("R23 used prekeys are settled behind each announcement that has succeeded, and behind no other", async () => {
  const scene = steps();
  let failures = 1;
  scene.announcing = () => { if (failures-- > 0) throw contested(); };
  const preparing = scene.prepare();
  await quiet();
  expect(scene.log.slice(-2)).toEqual(["catch-up", "announce"]);
  await scene.clock.pass(60_000);
  await preparing;
  expect(scene.log.slice(-4)).toEqual(["catch-up", "announce", "announce", "settle"]);
});

test("R23 a store that fails there leaves no state to be online in, nor one that is full", async () => {
  for (const [code, retryable] of [["ERR_STORE_FAILED", false], ["ERR_STORE_FULL", true]] as const) {
    const scene = steps();
    scene.settling = () => { throw new StorageError(code, "scripted", { retryable }); };
    await expect(scene.prepare()).rejects.toMatchObject({ code });
  }
});

test.each([false, true])("T03 a list that somebody takes our device off again and again is put right later, once for all that came meanwhile (continued: %s)", async (continued) => {
  const scene = steps();
  await scene.prepare(continued);
  const announced = (): number => scene.log.filter((step) => step === "announce").length;
  const before = announced();
  await scene.ownList();
  await scene.clock.pass(60_000);
  expect(announced()).toBe(before); // nothing was contested
  scene.outcome = "contested";
  await scene.ownList();
  await scene.ownList();
  scene.announcing = () => { throw contested(); };
  await scene.clock.pass(30_000);
  expect(announced()).toBe(before); // not at once: the other side would not give way either
  await scene.clock.pass(30_000);
  expect(announced()).toBe(before + 1);
  scene.announcing = () => undefined;
  await scene.clock.pass(60_000);
  await scene.clock.pass(60_000);
  expect(announced()).toBe(before + 2);
  await scene.ownList();
  await scene.clock.pass(60_000);
  expect(announced()).toBe(before + 3);
  await scene.ownList();
  scene.cut();
  await scene.clock.pass(60_000);
  expect(announced()).toBe(before + 3);
});

test("T03 R23 nothing is announced by that before what was missed is read", async () => {
  const scene = steps();
  scene.outcome = "contested";
  let done = (): void => undefined;
  scene.catchingUp = () => new Promise((resolve) => { done = resolve; });
  const preparing = scene.prepare();
  await quiet();
  await scene.ownList();
  await scene.clock.pass(60_000);
  expect(scene.log.at(-1)).toBe("catch-up");
  done();
  await preparing;
  expect(scene.log.slice(-2)).toEqual(["announce", "settle"]);
});
