/** Both stream machines: Node runs the first, browsers the second, and both must behave the same (Node only). */
import { createStreamMachine as slimMachine } from "../../src/transport/connection/stream-machine-browser.js";
import { createStreamMachine as xmppMachine } from "../../src/transport/connection/stream-machine-node.js";
import type { CreateStreamMachine } from "../../src/transport/connection/stream-machine.js";

export const streamMachines: readonly { readonly machine: string; readonly create: CreateStreamMachine }[] = [
  { machine: "@xmpp/client-core", create: xmppMachine },
  { machine: "the browser's machine", create: slimMachine },
];
