/** A {@link Writer} in a worker. @module */
import { Writer } from "./writer.js";

const writer = new Writer();

onmessage = ({ data: [method, ...args], ports: [port] }: MessageEvent<readonly [keyof Writer, ...string[]]>) => {
  void Promise.resolve((writer[method] as (...args: readonly string[]) => unknown)(...args)).then((value) => { port?.postMessage(value); });
};
