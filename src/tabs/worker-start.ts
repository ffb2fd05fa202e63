/**
 * The page's first message to its worker, and the wait for the answer: a worker that failed before, or whose script never listens, gives none.
 * Not here: what follows (worker-client.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { workerStartMsMax } from "../base/limits.js";
import { ClientError } from "../client/errors.js";
import { abortedBegin } from "./begin.js";
import { fromWire } from "./wire.js";
import type { PageMessage, PageWorker, WorkerCall, WorkerMessage } from "./worker-messages.js";

/** The worker's answer. */
export type WorkerOpened = WorkerMessage & { readonly kind: "opened" };

export interface WorkerStart {
  readonly worker: PageWorker;
  readonly call: WorkerCall;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/**
 * Calls the worker; resolves with its answer and the port that it came from.
 * @throws ClientError `ERR_WORKER_LOST`, UsageError `ERR_ABORTED`, what opening the hub throws
 */
export async function startWorker({ worker, call, clock, signal }: WorkerStart): Promise<{ readonly opened: WorkerOpened; readonly port: MessagePort }> {
  const { port1: port, port2 } = new MessageChannel();
  let stop = (): void => undefined;
  try {
    const opened = await new Promise<WorkerOpened>((resolve, reject) => {
      const failed = (): void => { reject(workerLost()); };
      const aborted = (): void => { reject(abortedBegin(signal)); };
      const cancel = clock.schedule(workerStartMsMax, failed);
      stop = () => {
        cancel();
        worker.removeEventListener("error", failed);
        signal?.removeEventListener("abort", aborted);
      };
      worker.addEventListener("error", failed);
      signal?.addEventListener("abort", aborted);
      port.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
        if (data.kind === "opened") resolve(data);
        else reject(data.kind === "failed" ? fromWire(data.error) : workerLost());
      };
      worker.postMessage(call, [port2]);
      if (signal?.aborted === true) aborted();
    });
    return { opened, port };
  } catch (error) {
    port.postMessage({ kind: "close" } satisfies PageMessage); // should it begin after all, nobody would end it
    port.close();
    throw error;
  } finally {
    stop();
  }
}

export const workerLost = (): ClientError => new ClientError("ERR_WORKER_LOST", "the worker has ended, or did not start");
