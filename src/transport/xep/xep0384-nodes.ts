/** XEP-0384: where device lists are. Spec: #devices; v0.3 #devices. Not here: what is in them (xep0384-directory.ts). @module */
import type { OmemoNamespace } from "../../session/ports.js";
import { legacyNamespace, omemo2Namespace } from "./namespaces.js";

/** The item of a device list in both versions, and of a legacy bundle. */
export const currentItemId = "current";

/** The node that holds an account's device list. */
export function deviceListNode(namespace: OmemoNamespace): string {
  return namespace === omemo2Namespace ? `${omemo2Namespace}:devices` : `${legacyNamespace}.devicelist`;
}
