// Typed lint. Every rule that is switched off or narrowed has its reason beside it.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const noUntypedErrors = {
  selector: "NewExpression[callee.name=/^(Error|TypeError|RangeError)$/]",
  message: "Throw a subclass of SottoError with a stable code.",
};

const noBareImport = {
  selector: ":not(CallExpression[callee.name='loaded']) > ImportExpression",
  message: "Wrap it in loaded(): a part that does not come is an error with a stable code.",
};

export default defineConfig(
  { ignores: ["dist/", "node_modules/", "coverage/", "docs/api/", "temp/", ".cache/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ["./tsconfig.json", "./tsconfig.node.json", "./tsconfig.test.json"], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Numbers in text are what error messages and ids are made of.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Callbacks that only call something read better without braces.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Ports are implemented by synchronous adapters too; `async` gives them the promised type.
      "@typescript-eslint/require-await": "off",
      // Optional type parameters of public generics are documentation.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "no-empty": ["error", { allowEmptyCatch: false }],
      // Control characters in a pattern are the point of the patterns that check outside text.
      "no-control-regex": "off",
      "no-restricted-properties": ["error", { object: "Math", property: "random", message: "Take an Rng; production has one source (threats C08)." }],
      "max-lines": ["error", { max: 400 }],
      "eqeqeq": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-syntax": ["error", noUntypedErrors],
      "no-restricted-exports": ["error", { restrictDefaultExports: { direct: true, named: true, defaultFrom: true, namedFrom: true, namespaceFrom: true } }],
    },
  },
  {
    files: ["src/client/**/*.ts", "src/tabs/**/*.ts", "src/react/**/*.ts"],
    rules: { "no-restricted-syntax": ["error", noUntypedErrors, noBareImport] },
  },
  {
    files: ["test/**/*.ts", "src/testing/**/*.ts"],
    rules: {
      // Vectors are JSON: reading a field that is not there fails the test, which is what we want.
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  {
    files: ["**/*.{js,mjs,cjs}"],
    languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly", module: "writable", TextEncoder: "readonly", performance: "readonly", setTimeout: "readonly", clearTimeout: "readonly" } },
    rules: { "no-empty": ["error", { allowEmptyCatch: false }], "max-lines": ["error", { max: 400 }], "eqeqeq": "error" },
  },
);
