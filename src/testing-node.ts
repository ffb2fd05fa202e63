/** Entry `sotto/testing/node`: a scriptable hostile server and throw-away certificates. @module */
export { hostileServer } from "./testing/node/hostile-server.js";
export type { HostileServer, HostileServerOptions, Scenario, ScriptedConnection } from "./testing/node/hostile-server.js";
export { createTestAuthority } from "./testing/node/certificates.js";
export type { TestAuthority, TestCertificate, TestCertificateOptions } from "./testing/node/certificates.js";
