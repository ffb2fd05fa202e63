/** PEP on a real Prosody: nodes that were left wrong are repaired, and somebody else can read what was published. @module */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { systemClock } from "../../src/base/clock.js";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { xml } from "../../src/base/xml.js";
import { parseDeviceId, type DeviceId, type WireBundle } from "../../src/session/ports.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { answerDiscoInfo, capsElement, defaultOwnInfo } from "../../src/transport/features/caps.js";
import { discoverInfo } from "../../src/transport/features/disco.js";
import { PepDirectory, type DeviceListEvent, type UnconfirmedNode } from "../../src/transport/omemo-directory.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { createRequest } from "../../src/transport/xep/xep0060.js";
import { discoInfoNamespace } from "../../src/transport/xep/namespaces.js";

const omemo2 = "urn:xmpp:omemo:2";
const password = "secret";
const id = (value: number): DeviceId => parseDeviceId(value) as DeviceId;
const bundle = (fill: number): WireBundle => ({
  identityKey: new Uint8Array(32).fill(fill), signedPreKeyId: 1, signedPreKey: new Uint8Array(32).fill(2),
  signedPreKeySignature: new Uint8Array(64).fill(3), preKeys: Array.from({ length: 100 }, (_, i) => ({ id: i + 1, key: new Uint8Array(32).fill(i) })),
});

interface User { readonly jid: BareJid; readonly stream: Stream; readonly iq: IqClient; readonly directory: PepDirectory; readonly unconfirmed: UnconfirmedNode[]; readonly events: DeviceListEvent[] }

describe("PEP on Prosody", () => {
  let server: Awaited<ReturnType<typeof startProsody>>;
  let romeo: User;
  let juliet: User;

  async function logIn(user: string): Promise<User> {
    const jid = bareJid(`${user}@${server.domain}`);
    const rng = systemRng();
    const stream = await connect({
      account: jid, service: `xmpps://127.0.0.1:${String(server.ports.directTls)}`, password: () => password,
      tls: { ca: server.caPem }, clock: systemClock, rng,
    }, sockets);
    const iq = new IqClient(stream, { rng, clock: systemClock });
    const directory = new PepDirectory({ iq, account: jid });
    const unconfirmed: UnconfirmedNode[] = [];
    const events: DeviceListEvent[] = [];
    directory.onUnconfirmedNode((node) => unconfirmed.push(node));
    directory.onDeviceList((event) => events.push(event));
    stream.onStanza((stanza) => { directory.handleMessage(stanza); });
    iq.handle(discoInfoNamespace, (request) => answerDiscoInfo(defaultOwnInfo, request.payload));
    return { jid, stream, iq, directory, unconfirmed, events };
  }

  beforeAll(async () => {
    server = await startProsody({ accounts: [["romeo", password], ["juliet", password]] });
    [romeo, juliet] = [await logIn("romeo"), await logIn("juliet")];
  });
  afterAll(async () => {
    await Promise.all([romeo.stream.close(), juliet.stream.close()]);
    await server.stop();
  });

  test("the server says that it has PEP with publish-options", async () => {
    const { features } = await discoverInfo(romeo.iq, { to: romeo.jid });
    expect(features.has("http://jabber.org/protocol/pubsub#publish-options")).toBe(true);
  });

  test("T17 a bundles node left with one item and closed to strangers is repaired; another user reads all bundles", async () => {
    await romeo.iq.request({ type: "set", payload: createRequest(`${omemo2}:bundles`, { access_model: "presence", persist_items: "true", max_items: "1" }) });
    for (const device of [1, 2, 3, 4, 5]) await romeo.directory.publishBundle(id(device), bundle(device), omemo2);
    expect(romeo.unconfirmed).toEqual([]);
    const answers = await juliet.directory.fetchBundles(romeo.jid, [5, 4, 3, 2, 1, 9].map(id), omemo2);
    expect(answers).toEqual([...[5, 4, 3, 2, 1].map((device) => ({ kind: "found", value: bundle(device) })), { kind: "none" }]);
  });

  test("T17 a device list node that was closed is opened; a stranger reads the list, and strangers without one read as unavailable", async () => {
    await romeo.iq.request({ type: "set", payload: createRequest(`${omemo2}:devices`, { access_model: "whitelist", persist_items: "true" }) });
    await romeo.directory.publishDeviceList([{ id: id(1) }, { id: id(2), label: "desk" }], omemo2);
    expect(romeo.unconfirmed).toEqual([]);
    expect(await juliet.directory.fetchDeviceList(romeo.jid, omemo2)).toEqual({ kind: "found", value: [{ id: 1 }, { id: 2, label: "desk" }] });
    expect(await romeo.directory.fetchDeviceList(juliet.jid, omemo2)).toEqual({ kind: "unavailable", retryable: false });
    expect(await juliet.directory.fetchDeviceList(juliet.jid, omemo2)).toEqual({ kind: "none" });
  });

  test("F08 our presence asks for notifications, and the own list arrives as an event of the own account", async () => {
    const arrived = new Promise<DeviceListEvent>((resolve) => { romeo.directory.onDeviceList(resolve); });
    await romeo.stream.send(xml("jabber:client", "presence", {}, capsElement(defaultOwnInfo)));
    expect(await arrived).toEqual({ jid: romeo.jid, namespace: omemo2, devices: [{ id: 1 }, { id: 2, label: "desk" }] });
  });
});
