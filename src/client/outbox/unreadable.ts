/** Why a message fails whose entry is damaged (threats D13). @module */
import { StorageError } from "../../storage/errors.js";

export const unreadableEntry = (): StorageError => new StorageError("ERR_STORE_CORRUPT", "the message cannot be read from the store");
