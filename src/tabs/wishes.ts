/**
 * What the application has asked of the connection, read from the calls that pass: it outlives the leader who carried it out.
 * Not here: how tabs tell each other (hub-messages.ts), what else outlives a leader (frames.ts, `Carry`).
 * @module
 */
import type { Fields } from "./frame-fields.js";
import type { FacadeFrame } from "./frames.js";
import type { Wishes } from "./hub-messages.js";
import type { HostOptions } from "./link.js";

/**
 * `wishes` after `frame` of `tab` was handed to the host; the same object if it changes nothing. A frame of another build may be anything, and it is the host
 * that answers it.
 */
export function wishesAfter(wishes: Wishes, tab: string, frame: FacadeFrame): Wishes {
  const { kind, on, method, args } = (frame as Fields | null | undefined) ?? {};
  const { part } = (on ?? {}) as Fields;
  if (kind !== "call" || part !== "client") return wishes;
  if (method === "connect" || method === "disconnect") {
    const connected = method === "connect";
    return wishes.connected === connected ? wishes : { ...wishes, connected };
  }
  if (method !== "setCredentials") return wishes;
  const [given] = Array.isArray(args) ? args as readonly unknown[] : [];
  if (typeof given !== "object" || given === null) return wishes;
  const { password, again } = given as Fields;
  if (again === true || password === "") return wishes; // says nothing new, or is refused
  return { ...wishes, ...(typeof password === "string" ? { password } : {}), passwordOf: tab };
}

/** A tab's own options, as a new leader uses them. */
export function withWishes(options: HostOptions, { connected, password, passwordOf }: Wishes): HostOptions {
  return {
    ...options, ...(connected === undefined ? {} : { autoConnect: connected }), ...(password === undefined ? {} : { password }),
    ...(passwordOf === undefined ? {} : { passwordOf }),
  };
}
