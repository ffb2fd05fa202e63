/** Log lines that cannot hold a secret: an event name from our own code and numbers, booleans or aliases (threats H01). @module */
import type { Brand } from "./brand.js";

/** Salted per run: two lines about one peer match each other, never a person. */
export type Alias = Brand<string, "Alias">;

/** What a log field may be. */
export type LogSafe = number | boolean | Alias;

/** Receives what Sotto has to say about itself. `event` is a fixed name such as `"client.listener-failed"`. */
export type Logger = (event: string, fields?: Readonly<Record<string, LogSafe>>) => void;

/** The default: says nothing. */
export const silentLogger: Logger = () => undefined;
