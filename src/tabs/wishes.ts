/**
 * What the application has asked of the connection, read from the calls that pass: it outlives the leader who carried it out.
 * Not here: how tabs tell each other (hub-messages.ts), what else outlives a leader (frames.ts, `Carry`).
 * @module
 */
import type { ClientOptions } from "../client/options.js";
import type { FacadeFrame } from "./frames.js";
import type { Wishes } from "./hub-messages.js";

/** `wishes` after `frame` was handed to the host; the same object if it changes nothing. */
export function wishesAfter(wishes: Wishes, frame: FacadeFrame): Wishes {
  if (frame.kind !== "call" || frame.on.part !== "client") return wishes;
  if (frame.method === "connect" || frame.method === "disconnect") {
    const connected = frame.method === "connect";
    return wishes.connected === connected ? wishes : { ...wishes, connected };
  }
  if (frame.method !== "setCredentials") return wishes;
  const password = (frame.args[0] as { readonly password?: unknown } | undefined)?.password;
  return typeof password === "string" && password !== "" ? { ...wishes, password } : wishes;
}

/** A tab's own options, as a new leader uses them. */
export function withWishes(options: ClientOptions, { connected, password }: Wishes): ClientOptions {
  return { ...options, ...(connected === undefined ? {} : { autoConnect: connected }), ...(password === undefined ? {} : { password }) };
}
