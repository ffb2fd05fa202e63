/** The client itself. @module */
export { createClient as openClient } from "../../../src/index.js";
