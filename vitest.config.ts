/**
 * Projects with the same files: `node` and `browser` (Debian's headless Chromium); `follower` and `worker` run the behaviour suite once more in
 * Chromium, over other clients.
 * `*.node.test.ts` runs in Node only, `*.browser.test.ts` in Chromium only.
 * @module
 */
import { playwright } from "@vitest/browser-playwright";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

const serverConditions = ["sotto-source", ...defaultServerConditions];
const clientConditions = ["sotto-source", ...defaultClientConditions];

// As root Chromium needs --no-sandbox; the others keep it from calling home, which a closed network refuses many times a second.
const chromiumArguments = [
  "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

// Everything the browser suites import from node_modules: Vite reloads the page in mid-test when it finds one late.
const browserDependencies = [
  "@noble/ciphers/aes.js", "@noble/ciphers/utils.js",
  "@noble/curves/ed25519.js", "@noble/curves/utils.js", "@noble/curves/abstract/modular.js",
  "@noble/hashes/hkdf.js", "@noble/hashes/hmac.js", "@noble/hashes/sha2.js", "@noble/hashes/legacy.js",
  "@noble/hashes/pbkdf2.js", "@noble/hashes/utils.js",
  "fast-check", "idb-keyval", "protobufjs", "react", "react/jsx-dev-runtime", "react-dom", "react-dom/client", "react-dom/server", "saxes",
];

/** A project in Chromium. @param conditions further import conditions, such as those of test/behaviour/package.json */
function chromiumProject(name: string, include: string[], ...conditions: readonly string[]): TestProjectInlineConfiguration {
  return {
    resolve: { conditions: [...conditions, ...clientConditions] },
    optimizeDeps: { include: browserDependencies },
    test: {
      name, include,
      exclude: ["test/**/*.node.test.ts"],
      isolate: false,
      // One page at a time, before the suites of Node: vitest runs projects with other numbers of workers one after the other.
      maxWorkers: 1,
      sequence: { groupOrder: 0 },
      testTimeout: 120_000,
      hookTimeout: 120_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        instances: [{ browser: "chromium" }],
        provider: playwright({
          launchOptions: {
            executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
            args: chromiumArguments,
          },
        }),
      },
    },
  };
}

export default defineConfig({
  test: {
    // An empty run is a mistake in a pattern, not a success.
    passWithNoTests: false,
    allowOnly: false,
    globalSetup: ["test/behaviour/support/global-setup.ts"],
    projects: [
      {
        resolve: { conditions: serverConditions },
        ssr: { resolve: { conditions: serverConditions } },
        test: {
          name: "node",
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.browser.test.ts"],
          // One process serves many files: modules are loaded once, and no suite may depend on a fresh global state.
          isolate: false,
          // Half of what these suites do is waiting for servers: two at a time keep two cores busy.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          // Of a poll, by default a second: servers, and browsers beside them, were seen to need longer on a busy machine.
          expect: { poll: { timeout: 10_000 } },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      // The behaviour suite also sees the client of a tab that follows, and that of worker mode.
      chromiumProject("browser", ["test/{unit,behaviour}/**/*.test.ts", "test/**/*.browser.test.ts"]),
      chromiumProject("follower", ["test/behaviour/**/*.test.ts"], "sotto-follower"),
      chromiumProject("worker", ["test/behaviour/**/*.test.ts"], "sotto-worker"),
    ],
  },
});
