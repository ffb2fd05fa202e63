/**
 * The list that the application wants in force: a new session begins without one, and our first presence waits until it is there.
 * Spec: XEP-0016 #protocol-active. Threats V01, V02. Not here: presence (presence/own-presence.ts).
 * @module
 */
import type { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { TransportError } from "../../transport/errors.js";

/** See the module. */
export class WantedList {
  name: string | undefined;
  /** Whether it is in force on the stream that has begun, or need not be. Rejects with what requests throw while that is not known. */
  isKept: Promise<boolean> = Promise.resolve(true);

  /** In the stream's first turn, ahead of our presence. `isDue`: it has to be put in force. `refused` is told why the server does not. */
  begin(service: PrivacyListsService, signal: AbortSignal, isDue: boolean, refused: (error: unknown) => void): void {
    this.isKept = isDue && this.name !== undefined ? activated(service, this.name, signal, refused) : Promise.resolve(true);
    this.isKept.catch(() => undefined); // whoever asks is told
  }
}

async function activated(service: PrivacyListsService, name: string, signal: AbortSignal, refused: (error: unknown) => void): Promise<boolean> {
  try {
    await service.activate(name, signal);
    return true;
  } catch (error) {
    if (!(error instanceof TransportError) || error.retryable) throw error; // the stream is of no use
    refused(error);
    return false;
  }
}
