/** Asks a server which privacy lists there are, and for the rules of those that are in force. Spec: XEP-0016 #protocol-retrieve. Not here: when (privacy-lists.ts). @module */
import { TransportError } from "../../transport/errors.js";
import type { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import type { PrivacyListContent } from "../../transport/xep/xep0016.js";
import { nothingKnown, type PrivacySnapshot } from "./snapshot.js";

/** `found` is called with each list that was read. @throws what requests throw; a server without privacy lists is an answer */
export async function readInForce(service: PrivacyListsService, found: (content: PrivacyListContent) => void, signal?: AbortSignal): Promise<PrivacySnapshot> {
  try {
    const lists = await service.lists(signal);
    const contents = new Map<string, PrivacyListContent>();
    for (const name of new Set([lists.active, lists.default])) {
      // ejabberd goes on naming a list as active that another connection has removed: then its rules are not known.
      const content = name === undefined ? undefined : await service.get(name, signal).catch(unknownList);
      if (name === undefined || content === undefined) continue;
      found(content);
      contents.set(name, content);
    }
    return { state: "current", ...lists, contents };
  } catch (error) {
    if (error instanceof TransportError && error.code === "ERR_PRIVACY_LISTS_UNSUPPORTED") return { ...nothingKnown, state: "unsupported" };
    throw error;
  }
}

function unknownList(error: unknown): undefined {
  if (error instanceof TransportError && error.code === "ERR_PRIVACY_LIST_UNKNOWN") return undefined;
  throw error;
}
