/** What a part of a client says without a stream that may come. @module */
import { offline as offlineOf } from "../../src/client/until-online.js";

export const offline = (): Error => offlineOf({ kind: "offline" });
