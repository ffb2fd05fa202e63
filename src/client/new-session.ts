/** Beginning a session anew at the application's request. Not here: what becomes of the old one (session/reset-session.ts). @module */
import type { BareJid } from "../base/jid.js";
import { type DeviceAddress, parseDeviceId } from "../session/ports.js";
import type { Core } from "./core.js";
import { unlessDamaged } from "./damaged.js";
import { loaded } from "./errors.js";

/** Nothing happens if there is no session, and so with a number that is no device's. @throws ClientError `ERR_NOT_LOADED`, StorageError */
export async function beginNewSession({ ledger, omemo: { context }, followUp }: Core, jid: BareJid, id: number): Promise<void> {
  const deviceId = parseDeviceId(id);
  if (deviceId === undefined) return;
  const { resetSession } = await loaded(import("./online.js"));
  const device: DeviceAddress = { jid, deviceId };
  const had = await unlessDamaged(() => ledger.run((tx) => resetSession(tx, context, device)));
  if (had === "damaged") await ledger.run((tx) => { tx.delete(context.keys.device(device)); }); // one that cannot be read is of no more use (threats D13)
  if (had !== false) followUp({ kind: "send-empty", device, reason: "no-session", needsPlan: true });
}
