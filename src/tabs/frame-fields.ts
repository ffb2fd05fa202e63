/** Reading frames that may be of another build: nothing in them is what its type says. @module */
import { ClientError } from "../client/errors.js";

/** The fields of anything. */
export type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object. @throws ClientError `ERR_TAB_VERSION` */
export function fieldsOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null) throw malformed();
  return value as Fields;
}

/** The error of a frame that no facade of this build sends. */
export const malformed = (): ClientError => new ClientError("ERR_TAB_VERSION", "a frame that cannot be understood");

/** True for an id as facades make them. */
export const isMessageId = (id: unknown): id is string => typeof id === "string" && /^[0-9a-f]{32}$/.test(id);
