/** What a host follows because tabs have asked for it is bounded: threats H06. */
import { expect, test } from "vitest";
import { ObservableValue } from "../../../src/base/events.js";
import { bareJid } from "../../../src/base/jid.js";
import { effectiveAskedMax } from "../../../src/base/limits.js";
import type { SottoClient } from "../../../src/client/client.js";
import type { Carry } from "../../../src/tabs/frames.js";
import { HostStates } from "../../../src/tabs/host-states.js";

test("H06 what a thousand others may see of the user is followed at once; for one more the one that was asked for first is forgotten", async () => {
  const presence = { currentPolicy: new ObservableValue({ rules: {} }), effective: (jid: string) => ({ level: "available", jid }) };
  const roster = { confirmedContacts: () => [], subscribe: () => () => undefined };
  const states = new HostStates({ presence, roster } as unknown as SottoClient, new ObservableValue<Carry>({}));
  const stranger = (n: number): ReturnType<typeof bareJid> => bareJid(`stranger${String(n)}@example.org`);
  for (let n = 1; n <= effectiveAskedMax; n++) states.ask(stranger(n));
  states.ask(stranger(1)); // known already: nothing moves
  const followed = async (): Promise<readonly unknown[]> => {
    let keys: readonly unknown[] = [];
    states.watch(await states.source("effective"), ({ entries = [] }) => { keys = entries.map(([key]) => key); })();
    return keys;
  };
  expect(await followed()).toEqual(Array.from({ length: effectiveAskedMax }, (_, i) => stranger(i + 1)));
  states.ask(stranger(effectiveAskedMax + 1));
  expect(await followed()).toEqual(Array.from({ length: effectiveAskedMax }, (_, i) => stranger(i + 2)));
});
