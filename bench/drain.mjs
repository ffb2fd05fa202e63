/** A recipient that takes what arrives and does nothing with it, in a process of its own so that its work is not counted. @module */
import process from "node:process";

import { systemClock } from "../dist/base/clock.js";
import { systemRng } from "../dist/base/rng.js";
import { xml } from "../dist/base/xml.js";
import { connect, sockets } from "../dist/transport-node.js";

const { account, password, service, ca } = JSON.parse(process.argv[2] ?? "{}");
const stream = await connect({ account, password: () => password, service, tls: { ca }, clock: systemClock, rng: systemRng() }, sockets);
stream.onStanza(() => undefined);
await stream.send(xml("jabber:client", "presence"));
console.log("ready");
process.once("SIGTERM", () => { void stream.close().then(() => process.exit(0)); });
