/** The device directory that outlives streams: asks the present one, and is unavailable without. @module */
import type { BareJid } from "../base/jid.js";
import type { DeviceDirectory, DeviceId, DirectoryAnswer, ListedDevice, OmemoNamespace, WireBundle } from "../session/ports.js";
import { TransportError } from "../transport/errors.js";
import type { PepDirectory } from "../transport/omemo-directory.js";

const offline = { kind: "unavailable", retryable: true } as const;

/** Forwards to the directory of the present stream. */
export class OnlineDirectory implements DeviceDirectory {
  #present: PepDirectory | undefined;

  /** From now on `directory` is asked. */
  attach(directory: PepDirectory): void {
    this.#present = directory;
  }

  /** The stream is gone. */
  detach(): void {
    this.#present = undefined;
  }

  async fetchDeviceList(jid: BareJid, namespace: OmemoNamespace, signal?: AbortSignal): Promise<DirectoryAnswer<readonly ListedDevice[]>> {
    return (await this.#present?.fetchDeviceList(jid, namespace, signal)) ?? offline;
  }

  async fetchBundles(
    jid: BareJid, devices: readonly DeviceId[], namespace: OmemoNamespace, signal?: AbortSignal,
  ): Promise<readonly DirectoryAnswer<WireBundle>[]> {
    return (await this.#present?.fetchBundles(jid, devices, namespace, signal)) ?? devices.map(() => offline);
  }

  /** @throws TransportError `ERR_STREAM_CLOSED` without a stream, or what the server's refusal becomes. */
  async publishDeviceList(devices: readonly ListedDevice[], namespace: OmemoNamespace, signal?: AbortSignal): Promise<void> {
    await this.#online().publishDeviceList(devices, namespace, signal);
  }

  /** @throws as {@link publishDeviceList}. */
  async publishBundle(device: DeviceId, bundle: WireBundle, namespace: OmemoNamespace, signal?: AbortSignal): Promise<void> {
    await this.#online().publishBundle(device, bundle, namespace, signal);
  }

  #online(): PepDirectory {
    if (this.#present === undefined) throw new TransportError("ERR_STREAM_CLOSED", "there is no connection", { retryable: true });
    return this.#present;
  }
}
