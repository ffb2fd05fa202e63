/**
 * Rows that cannot be read and that whoever sends, receives or begins a stream runs into, again and again (threats D13, T04): devices, sessions, lists of devices,
 * what was decided about keys, ids of messages. Loaded only then. What can be learnt anew goes, and a session that cannot be read is of no more use. What protects is
 * written anew so that it protects at least as much: nobody is trusted by it (threats T01). Whoever runs into what is not found here does so with each message:
 * it is not looked for each time.
 * Not here: when (client/online.ts, outbox/flow.ts, receive/safe-intake.ts), own keys (own-keys.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { SessionContext } from "../../session/context.js";
import type { StoreKey, StoreRow } from "../../session/ports.js";
import type { decodeDevice } from "../../session/records/device-record.js";
import type { decodeDeviceList, decodeOwner, decodeTrust, encodeOwner, encodeTrust } from "../../session/records/directory-records.js";
import type { Transaction } from "../../session/transaction.js";
import type { unlessDamaged } from "../damaged.js";

/** What it calls is handed in, as in own-keys.ts. */
export interface DamagedRowsDeps {
  readonly context: SessionContext;
  readonly decodeDevice: typeof decodeDevice;
  readonly decodeDeviceList: typeof decodeDeviceList;
  readonly decodeTrust: typeof decodeTrust;
  readonly encodeTrust: typeof encodeTrust;
  readonly decodeOwner: typeof decodeOwner;
  readonly encodeOwner: typeof encodeOwner;
  readonly unlessDamaged: typeof unlessDamaged;
}

const pageSize = 256;
const keyCharsMax = 1_024;
/** Of the first and the last character of a key (session/ports.ts). */
const [firstCode, lastCode] = [0x21, 0x7e];

/** Milliseconds after a look that has found nothing in which nobody looks again. */
const pauseMs = 60_000;
/** When nothing was found. */
const vain = new WeakMap<SessionContext, number>();
const trustPrefix = "omemo/trust/";
/** As far as can be seen of rows whose form is session/records/fields.ts's. */
const versioned = (row: Uint8Array): unknown => (row[0] === 1 ? row : "damaged");

/** As part of `tx`, which may have met the damage. @returns how many there were @throws StorageError of the store as a whole */
export async function mendRows(tx: Transaction, d: DamagedRowsDeps): Promise<number> {
  const { keys, clock } = d.context;
  if (clock.monotonic() - (vain.get(d.context) ?? -Infinity) < pauseMs) return 0;
  const forget = (key: StoreKey): void => { tx.delete(key); };
  const note = (key: StoreKey): void => { tx.put(key, new TextEncoder().encode(String(clock.now()))); }; // they say so by being there
  const nobody = "" as BareJid;
  const kinds: readonly (readonly [prefix: string, decode: (row: Uint8Array) => unknown, mend: (key: StoreKey) => unknown])[] = [
    [keys.allDevicesPrefix(), d.decodeDevice, forget], [keys.deviceList(nobody), d.decodeDeviceList, forget],
    ...keys.sessionPrefixes().map((prefix) => [prefix, () => undefined, forget] as const),
    [trustPrefix, d.decodeTrust, (key) => { tx.put(key, d.encodeTrust({ state: "undecided", since: clock.now() })); }],
    [keys.owner(nobody), d.decodeOwner, (key) => { tx.put(key, d.encodeOwner({ authenticated: true, writtenTo: false })); }],
    ["omemo/holder/", () => undefined, (key) => noteHolder(tx, key, d)], [keys.strangersLists(), versioned, forget], [keys.retiredDevices(), versioned, forget],
    // How many skipped keys there are. Beyond every bound, so that it is counted anew with the next one (threats R09).
    [keys.skippedTotal(), versioned, (key) => { tx.put(key, Uint8Array.of(1, 1, 0, 0, 0, 0, 0)); }],
    ["client/own/", () => undefined, note], ["client/taken/", () => undefined, note],
  ];
  let count = 0;
  for (const [prefix, decode, mend] of kinds) {
    for (const key of await damagedKeys(tx, prefix, decode, d)) {
      await mend(key);
      count += 1;
    }
  }
  if (count === 0) vain.set(d.context, clock.monotonic());
  return count;
}

/** Whose a key was first is on record with whoever has it, but for those who only claim it as well: they are undecided, or not believed (threats R26). */
async function noteHolder(tx: Transaction, key: StoreKey, d: DamagedRowsDeps): Promise<void> {
  const all = await d.unlessDamaged(() => tx.list({ prefix: trustPrefix }));
  if (all === "damaged") return; // until those are written anew
  const rows = all.filter((row) => row.key.endsWith(key.slice(key.lastIndexOf("/"))));
  const holder = (rows.find(({ value }) => ["trusted", "authenticated"].includes(d.decodeTrust(value).state)) ?? rows[0])?.key.split("/")[2];
  if (holder === undefined || holder.startsWith("~")) tx.delete(key);
  else tx.put(key, new TextEncoder().encode(decodeURIComponent(holder)));
}

async function damagedKeys(tx: Transaction, prefix: string, decode: (row: Uint8Array) => unknown, d: DamagedRowsDeps): Promise<readonly StoreKey[]> {
  const list = (after: string | undefined, limit: number, before?: string): Promise<readonly StoreRow[] | "damaged"> =>
    d.unlessDamaged(() => tx.list({ prefix, limit, ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) }));
  const found: StoreKey[] = [];
  let after: StoreKey | undefined;
  for (let size = pageSize; ;) {
    const rows = await list(after, size);
    if (rows === "damaged" && size > 1) size /= 2;
    else if (rows === "damaged") {
      const from: string | undefined = after;
      after = await spelt(prefix, async (name) => (await list(from, 1, name)).length > 0);
      found.push(after);
    } else {
      for (const { key, value } of rows) if ((await d.unlessDamaged(async () => decode(value))) === "damaged") found.push(key);
      if (rows.length < size) return found;
      after = rows.at(-1)?.key;
      size = Math.min(pageSize, size * 2);
    }
  }
}

/** The key of a row that does not show it, character by character. `isBefore` tells whether it sorts before a name. */
async function spelt(prefix: string, isBefore: (name: string) => Promise<boolean>): Promise<StoreKey> {
  let name = prefix;
  while (name.length < keyCharsMax) {
    let [low, high] = [firstCode - 1, lastCode];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (await isBefore(name + String.fromCharCode(middle))) high = middle - 1;
      else low = middle;
    }
    if (low < firstCode) break;
    name += String.fromCharCode(low);
  }
  return name as StoreKey;
}
