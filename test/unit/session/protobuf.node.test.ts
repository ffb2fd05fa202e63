import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { concatBytes, toHex } from "../../../src/base/bytes.js";
import { bytesField, decodeFields, uint32Field } from "../../../src/session/protobuf.js";

const seed = Number(process.env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
console.info(`SOTTO_SEED=${String(seed)}`);

// The OMEMOKeyExchange of XEP-0384 with everything optional, so that the other decoder says what it sees.
const { root } = protobuf.parse(`syntax = "proto2"; message M {
  optional uint32 pk_id = 1; optional uint32 spk_id = 2; optional bytes ik = 3; optional bytes ek = 4; optional bytes message = 5; }`, { keepCase: true });
const M = root.lookupType("M");
const schema = { 1: "uint32", 2: "uint32", 3: "bytes", 4: "bytes", 5: "bytes" } as const;
const names = { 1: "pk_id", 2: "spk_id", 3: "ik", 4: "ek", 5: "message" } as const;
const numbers = [1, 2, 3, 4, 5] as const;

function theirs(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return M.toObject(M.decode(bytes));
  } catch {
    return undefined; // protobufjs throws on what it cannot read
  }
}

/** Comparable text of a field's value. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? toHex(value) : value;
}

function agree(input: Uint8Array): void {
  const ours = decodeFields(input, schema);
  if (ours === undefined) return; // stricter is allowed; reading something else is not
  const other = theirs(input);
  expect(other).toBeDefined();
  for (const n of numbers) expect(plain(ours[n])).toEqual(plain(other?.[names[n]]));
}

const valid = fc.record({ 1: fc.nat(0xffff_ffff), 2: fc.nat(0xffff_ffff), 3: fc.uint8Array({ maxLength: 40 }), 4: fc.uint8Array({ maxLength: 40 }), 5: fc.uint8Array({ maxLength: 300 }) });

type Valid = typeof valid extends fc.Arbitrary<infer T> ? T : never;

function write(v: Valid): Uint8Array {
  return concatBytes(uint32Field(1, v[1]), uint32Field(2, v[2]), ...bytesField(3, v[3]), ...bytesField(4, v[4]), ...bytesField(5, v[5]));
}

test("R18 what we write equals protobufjs byte for byte, and what it writes we read", () => {
  fc.assert(
    fc.property(valid, (v) => {
      const encoded = M.encode(M.create({ pk_id: v[1], spk_id: v[2], ik: v[3], ek: v[4], message: v[5] })).finish();
      expect(toHex(write(v))).toBe(toHex(encoded));
      const read = decodeFields(encoded, schema);
      for (const n of numbers) expect(plain(read?.[n])).toEqual(plain(v[n]));
    }),
    { seed, numRuns: 2_000 },
  );
});

test("R18 random bytes never throw, and never mean something else than to protobufjs", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), agree), { seed, numRuns: 20_000 });
});

test("R18 damaged messages never throw, and never mean something else than to protobufjs", () => {
  const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom("change", "insert", "delete", "cut") });
  fc.assert(
    fc.property(valid, fc.array(damage, { minLength: 1, maxLength: 4 }), (v, damages) => {
      let bytes = [...write(v)];
      for (const d of damages) {
        const at = d.at % (bytes.length + 1);
        if (d.kind === "change") bytes[Math.min(at, bytes.length - 1)] = d.byte;
        else if (d.kind === "insert") bytes.splice(at, 0, d.byte);
        else if (d.kind === "delete") bytes.splice(at, 1);
        else bytes = bytes.slice(0, at);
        if (bytes.length === 0) bytes = [d.byte];
      }
      agree(Uint8Array.from(bytes));
    }),
    { seed, numRuns: 20_000 },
  );
});
