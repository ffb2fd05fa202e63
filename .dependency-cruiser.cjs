// The arrows between the layers (docs/architecture.md): base <- crypto <- session <- { transport, storage } <- client <- { tabs, react }.
const only = (from, ...to) => ({
  name: `${from}-reaches-too-far`,
  severity: "error",
  from: { path: `^src/${from}/` },
  to: { path: "^src/", pathNot: `^src/(${[from, ...to].join("|")})/` },
});

const nodeFiles = "(^|/)(node-[^/]+|[^/]+-node)\\.ts$|/node/";
// Entry files stand in src/ itself, beside the layers; the ones for Node end in -node.
const nodeModules = "^(node:|classic-level|ws$)|node_modules/(classic-level|ws)/";

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    only("base"),
    only("crypto", "base"),
    only("session", "base", "crypto"),
    only("transport", "base", "crypto", "session"),
    only("storage", "base", "crypto", "session"),
    only("client", "base", "crypto", "session", "transport", "storage"),
    only("tabs", "base", "crypto", "session", "transport", "storage", "client"),
    only("react", "base", "crypto", "session", "transport", "storage", "client"),
    {
      name: "nothing-imports-an-entry",
      comment: "Entry files are the public door; inside, import from the defining file.",
      severity: "error",
      from: { path: "^src/[^/]+/" },
      to: { path: "^src/[^/]+\\.ts$" },
    },
    {
      name: "no-node-in-the-core",
      comment: "Node and its own packages only from files named for it; a browser bundle must not meet them.",
      severity: "error",
      from: { path: "^src/", pathNot: nodeFiles },
      to: { path: nodeModules },
    },
    {
      name: "no-node-core-modules-in-the-core",
      severity: "error",
      from: { path: "^src/", pathNot: nodeFiles },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "node-files-only-through-conditions",
      comment: "The core reaches Node's side only through the package's imports map (#provider, #network, #sockets, #stream-machine).",
      severity: "error",
      from: { path: "^src/", pathNot: nodeFiles },
      to: { path: nodeFiles, dependencyTypesNot: ["aliased-subpath-import"] },
    },
    {
      name: "no-development-packages",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/testing" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], pathNot: "node_modules/(@types/|react/)" }, // react: the application brings its own
    },
    { name: "not-found", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "xmpp-stays-fenced",
      comment: "The @xmpp family is used by Node's stream machine only; browsers do not load it.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/transport/connection/stream-machine-node.ts$" },
      to: { path: "node_modules/@xmpp/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    // The browser's side of every condition: what is reachable there must be free of Node.
    enhancedResolveOptions: { conditionNames: ["sotto-source", "browser", "import", "types", "default"], exportsFields: ["exports"] },
  },
};
