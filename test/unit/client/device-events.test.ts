/** What the session layer tells of keys and lists, as an application hears it: threats T01, T02, T03, T07, T16, R24, R26. */
import { expect, onTestFinished, test } from "vitest";
import type { ClientEvent } from "../../../src/client/events.js";
import { createClientWith } from "../../../src/client/create-client.js";
import type { OmemoEvent } from "../../../src/session/outcome.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { Life } from "../../simulation/life.js";
import { juliet, nurse, romeo, testWorld } from "../../support/facade-world.js";

const device = { jid: juliet, deviceId: 4711 as DeviceId };
const [fingerprint, formerFingerprint] = ["a".repeat(64), "b".repeat(64)];
const identity = { jid: juliet, deviceId: 4711, fingerprint };

test.each<readonly [kind: OmemoEvent["kind"], told: OmemoEvent, heard: readonly ClientEvent[]]>([
  ["key-seen", { kind: "key-seen", device, fingerprint, trust: "undecided", own: false }, [{ kind: "new-identity", ...identity, changed: false }]],
  ["key-changed", { kind: "key-changed", device, fingerprint, formerFingerprint }, [{ kind: "new-identity", ...identity, changed: true }]],
  ["key-shared", { kind: "key-shared", device, fingerprint, holder: nurse }, [{ kind: "identity-shared", ...identity, holder: nurse }]],
  ["device-list-full", { kind: "device-list-full" }, [{ kind: "not-listed", reason: "full" }]],
  ["device-list-contested", { kind: "device-list-contested" }, [{ kind: "not-listed", reason: "contested" }]],
  ["prekeys-drained", { kind: "prekeys-drained" }, [{ kind: "prekeys-drained" }]],
  ["bundle-replaced", { kind: "bundle-replaced" }, [{ kind: "bundle-replaced" }]],
  ["devices-changed", { kind: "devices-changed", jid: juliet }, []],
])("T01 T02 T03 T07 T16 R24 R26 what the session layer tells as %s, an application hears in its own words, or needs not to hear", async (_, told, heard) => {
  const client = await createClientWith(
    { account: romeo, password: "secret", service: "wss://verona.example/ws", store: memoryStore(), autoConnect: false }, testWorld().network(romeo, new Life()),
  );
  onTestFinished(() => client.close());
  const events: ClientEvent[] = [];
  client.onEvent((event) => { events.push(event); });
  client.core.omemo.events.emit(told);
  expect(events).toEqual(heard);
});
