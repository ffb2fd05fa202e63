/** Presence waits for the privacy list that the application wants in force, and does not go out without it. Threats V01, V02. @module */
import { describe, expect, test } from "vitest";
import type { Connection } from "../../../src/client/link.js";
import { AccountPrivacyLists } from "../../../src/client/privacy/privacy-lists.js";
import type { PrivacyRule } from "../../../src/transport/xep/xep0016.js";
import { FakePrivacyServer, type Fault, lost, refusal } from "../../support/fake-privacy-server.js";
import { offline } from "../../support/no-stream.js";
import { account, fakeConnection, presenceWorld } from "../../support/presence-world.js";

const hide: readonly PrivacyRule[] = [{ action: "deny", match: { kind: "all" }, kinds: ["presence-out"] }];

/** A client that has put "hide" in force, and is offline. */
async function hidden() {
  const server = new FakePrivacyServer("ejabberd");
  const world = presenceWorld();
  const lists = new AccountPrivacyLists({
    account, newSuffix: () => "abcd1234", roster: () => undefined, isOwned: () => false, emit: () => undefined, onError: (error) => { world.errors.push(error); }, offline,
  });
  world.presence.useLists(lists);
  const connect = async (): Promise<string[]> => {
    const { stream, stanzas } = { stream: fakeConnection(), stanzas: [] as string[] };
    const send = stream.connection.stream.sendTracked.bind(stream.connection.stream);
    stream.connection.stream.sendTracked = (stanza) => {
      stanzas.push(`${stanza.attrs["type"] ?? "available"} behind ${server.active ?? "nothing"}`);
      return send(stanza);
    };
    const connection: Connection = { ...stream.connection, iq: server.connect().iq };
    world.presence.attach(connection);
    lists.attach(connection);
    await world.presence.prepare(connection);
    return stanzas;
  };
  const disconnect = (): void => {
    world.presence.detach();
    lists.detach();
    server.active = undefined;
  };
  await connect();
  await lists.put("hide", hide);
  await lists.activate("hide");
  disconnect();
  return { server, world, lists, connect, disconnect };
}

describe("a list that the application wants in force", () => {
  test("V01 is in force before the first presence of each session", async () => {
    const { world, connect, disconnect } = await hidden();
    for (let i = 0; i < 2; i++) {
      expect(await connect()).toEqual(["available behind hide"]);
      disconnect();
    }
    expect([world.errors, world.presence.own.getSnapshot().kind]).toEqual([[], "available"]);
  });

  test("V01 and that another client has removed meanwhile: nobody is shown anything, and the application is told", async () => {
    const { server, world, lists, connect, disconnect } = await hidden();
    server.lists.delete("hide");
    expect(await connect()).toEqual([]);
    expect([world.presence.own.getSnapshot(), world.errors]).toMatchObject([{ kind: "unavailable" }, [{ code: "ERR_PRIVACY_LIST_UNKNOWN" }]]);
    await lists.put("hide", hide);
    disconnect();
    expect(await connect()).toEqual([]); // what the user says of himself stays as it is until somebody says something else
    await world.presence.set({ show: "away" });
    disconnect();
    expect(await connect()).toEqual(["available behind hide"]);
  });

  test("V02 and that the server refuses for whatever reason: the same; a stream on which nobody answers is of no use", async () => {
    const fails = (error: Fault["error"]) => (_: number, what: string): Fault | undefined => (what === "set active hide" ? { when: "before", error } : undefined);
    const refused = await hidden();
    refused.server.fault = fails(refusal("forbidden"));
    expect([await refused.connect(), refused.world.presence.own.getSnapshot()]).toEqual([[], { kind: "unavailable" }]);
    const silent = await hidden();
    silent.server.fault = fails(lost());
    await expect(silent.connect()).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT", retryable: true });
    expect([silent.world.presence.own.getSnapshot().kind, silent.world.errors]).toEqual(["available", []]);
  });

  test("and that it gives up again: presence does not depend on it any more", async () => {
    const { server, lists, connect, disconnect } = await hidden();
    await connect();
    await lists.activate(undefined);
    server.lists.delete("hide");
    disconnect();
    expect(await connect()).toEqual(["available behind nothing"]);
  });
});
