/** Devices with their keys, to compare and to decide about. A decision is about exactly the key that is shown. @module */
import { formatFingerprint, type KnownDevice, type TrustState } from "sotto";
import { attempt, type App } from "../app.js";
import { button, h } from "../lib/dom.js";
import { rescueFocus } from "../lib/focus.js";
import { KeyedList, type Row } from "../lib/keyed-list.js";

const trustNames: Readonly<Record<TrustState, string>> = {
  authenticated: "Verified by you", trusted: "Not compared yet", undecided: "New: waits for you", distrusted: "Distrusted: gets nothing",
};

/** A fingerprint in groups of digits. Selected as a whole; each group is one thing to read. */
export function fingerprint(digits: string): HTMLElement {
  return h("p", { class: "fingerprint", dir: "ltr" }, ...formatFingerprint(digits).split(" ").flatMap((group) => [h("code", {}, group), " "]));
}

interface Key {
  readonly id: string;
  readonly device: KnownDevice;
  readonly fingerprint: string;
  readonly identityKey: Uint8Array;
  readonly trust: TrustState;
  /** It would replace another key of the same device. */
  readonly replaces: boolean;
}

/** The devices of a contact or of the own account, followed. */
export function deviceList(app: App, jid: string): HTMLElement {
  const { client, scope } = app;
  const list = h("ul", { class: "devices", "aria-label": "Devices" });
  const none = h("p", { class: "hint" }, "No device is known yet.");
  const rows = new KeyedList<Key>(list, ({ id }) => id, (key) => row(app, jid, key, refresh));
  const refresh = (): void => {
    attempt(app, async () => {
      const keys = (await client.devices(jid)).flatMap(keysOf);
      if (scope.signal.aborted) return;
      rows.show(keys);
      none.hidden = keys.length > 0;
    });
  };
  // Fetched for this dialog: what was known may be old.
  client.conversation(jid).prepare({ signal: scope.signal }).then(refresh, () => undefined);
  scope.add(client.onEvent(({ kind }) => { if (kind === "new-identity" || kind === "identity-shared" || kind === "message") refresh(); }));
  refresh();
  return h("div", {}, none, list);
}

function keysOf(device: KnownDevice): readonly Key[] {
  const { fingerprint: digits, identityKey, trust, offered } = device;
  const id = String(device.device.deviceId);
  return [
    ...(digits === undefined || identityKey === undefined ? [] : [{ id, device, fingerprint: digits, identityKey, trust: trust ?? "undecided", replaces: false }]),
    ...(offered === undefined ? [] : [{ id: `${id} offered`, device, ...offered, replaces: true }]),
  ];
}

function row(app: App, jid: string, first: Key, refresh: () => void): Row<Key> {
  const { device, fingerprint: digits } = first;
  const title = h("p", { class: "device-title" }, h("bdi", {}, device.label ?? `Device ${device.device.deviceId}`));
  if (device.self) title.append(" (this device)");
  const trust = h("span", { class: "trust" });
  const active = h("p", { class: "hint" });
  let decided = false;
  const decide = (decision: "authenticated" | "distrusted"): void => {
    attempt(app, async () => {
      await app.client.setTrust(jid, first.identityKey, decision);
      decided = true;
      refresh();
    });
  };
  const verify = button("They match: trust", () => { decide("authenticated"); });
  const distrust = button("Distrust", () => { decide("distrusted"); }, { class: "danger" });
  const actions = h("div", { class: "actions" }, verify, distrust);
  return {
    element: h("li", { class: "device" }, title, active, fingerprint(digits), device.self ? h("span", {}) : trust, actions),
    update: (key) => {
      trust.textContent = key.replaces ? "Another key than before. Trust it only after comparing." : trustNames[key.trust];
      trust.dataset["trust"] = key.trust;
      active.textContent = key.device.active ? "" : "No longer in use";
      active.hidden = key.device.active;
      verify.hidden = key.trust === "authenticated";
      distrust.hidden = key.trust === "distrusted";
      actions.hidden = device.self;
      if (decided) rescueFocus(key.trust === "authenticated" ? distrust : verify);
      decided = false;
    },
  };
}
