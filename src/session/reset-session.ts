/** Beginning anew with a device on request; what heals by itself is in receive.ts. Threats R22. @module */
import type { SessionContext } from "./context.js";
import type { DeviceAddress } from "./ports.js";
import { loadDevice, makeCurrent } from "./session-records.js";
import type { Transaction } from "./transaction.js";

/**
 * Puts the session with `device` aside: the next send builds a new one, and the old one goes on decrypting for a while (docs/protocol.md 5.3).
 * @returns whether there was one
 */
export async function resetSession(tx: Transaction, context: SessionContext, device: DeviceAddress): Promise<boolean> {
  const record = await loadDevice(tx, context, device);
  if (record?.current === undefined) return false;
  await makeCurrent(tx, context, device, record, undefined);
  return true;
}
