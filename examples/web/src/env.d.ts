/** What the build puts in place; see vite's documentation of `import.meta.env`. */
interface ImportMetaEnv {
  /** "production" in a build, "development" under `npm run dev`. */
  readonly MODE: string;
  /** "yes" permits `ws://` to a loopback address. For a server on the developer's own machine; a build for users is made without it. */
  readonly VITE_INSECURE_LOOPBACK?: string;
}

interface ImportMeta {
  readonly env: ImportMetaEnv;
}
