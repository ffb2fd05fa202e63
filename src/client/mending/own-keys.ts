/**
 * Keys of this device that cannot be read, so that it could not start (threats D13, R23). Loaded only then. A one-time prekey goes, and another is made. In
 * place of the bundle comes one whose week is over: the next look at it makes all that is missing, under ids far from all that were ever given out,
 * and revisions behind all that were. Whoever writes with one of the lost keys is not understood, until he has the new bundle. The identity
 * cannot be made again.
 * Not here: the bundle (session/own-bundle.ts).
 * @module
 */
import type { Rng } from "../../base/rng.js";
import type { Clock } from "../../base/clock.js";
import type { PublicKey } from "../../crypto/keys.js";
import type { Ledger } from "../../session/ledger.js";
import type { decodeOwnBundle, decodeOwnDevice, decodePreKey, encodeOwnBundle } from "../../session/records/own-records.js";
import type { StoreKeys } from "../../session/records/store-keys.js";
import type { passingBy, unlessDamaged } from "../damaged.js";
import { ClientError } from "../errors.js";

/** What it calls is handed in: what this file imports would be a file of its own for every application (docs/decisions/0010-bundle-size.md). */
export interface OwnKeysDeps {
  readonly ledger: Ledger;
  readonly rng: Rng;
  readonly clock: Clock;
  readonly keys: StoreKeys;
  readonly records: {
    readonly decodeOwnDevice: typeof decodeOwnDevice; readonly decodeOwnBundle: typeof decodeOwnBundle; readonly encodeOwnBundle: typeof encodeOwnBundle;
    readonly decodePreKey: typeof decodePreKey; readonly passingBy: typeof passingBy; readonly unlessDamaged: typeof unlessDamaged;
  };
}

/** More than there ever are of one device. */
const rowsMax = 10_000;
/** Beyond all ids of prekeys (docs/protocol.md 1.5). */
const idMax = 2 ** 31;

/** @throws ClientError `ERR_RECORD_INVALID` if the identity cannot be read */
export function mendOwnKeys({ ledger, rng, clock, keys, records }: OwnKeysDeps): Promise<void> {
  return ledger.run(async (tx) => {
    const own = await records.unlessDamaged(async () => {
      const row = await tx.get(keys.ownDevice());
      if (row !== undefined) records.decodeOwnDevice(row);
    });
    if (own === "damaged") throw new ClientError("ERR_RECORD_INVALID", "the identity of this device cannot be read; only a new device in an empty store helps");
    const bundle = await records.unlessDamaged(async () => {
      const row = await tx.get(keys.ownBundle());
      return row === undefined ? undefined : records.decodeOwnBundle(row);
    });
    if (bundle === "damaged") tx.put(keys.ownBundle(), records.encodeOwnBundle(overdue(rng, clock)));
    const prefix = keys.preKeyPrefix();
    const rows = await records.passingBy(
      ({ after, before, limit }) => tx.list({ prefix, after: keys.preKey(after), before: keys.preKey(before), limit }),
      { first: 1, last: idMax, limit: rowsMax }, (id) => { tx.delete(keys.preKey(id)); },
    );
    for (const { key, value } of rows) if ((await records.unlessDamaged(async () => records.decodePreKey(value))) === "damaged") tx.delete(key);
  });
}

/** Its signed prekey is nobody's: no id is 0, and nobody was ever shown its public half. */
function overdue(rng: Rng, clock: Clock): Parameters<typeof encodeOwnBundle>[0] {
  const far = (): number => idMax / 4 + new DataView(Uint8Array.from(rng(4)).buffer).getUint32(0) / 4;
  return {
    current: { id: 0, privateKey: rng(32), publicKey: rng(32) as PublicKey, signature: rng(64), createdAt: 1 }, previous: undefined,
    nextSignedPreKeyId: Math.floor(far()), nextPreKeyId: Math.floor(far()), revision: clock.now(), publishedRevision: 1,
  };
}
