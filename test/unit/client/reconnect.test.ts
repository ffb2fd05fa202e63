import { describe, expect, test } from "vitest";

import type { Rng } from "../../../src/base/rng.js";
import { ReconnectPolicy, reconnectDelayMsMax, reconnectDelayMsMin, stableAfterMs } from "../../../src/client/reconnect.js";
import { TransportError, type TransportErrorCode } from "../../../src/transport/errors.js";

const failure = (code: TransportErrorCode, retryable: boolean): TransportError => new TransportError(code, "a failure", { retryable });
const lost = failure("ERR_STREAM_CLOSED", true);
/** Numbers that are spread over the whole range, the same in each run. */
function spread(seed: number): Rng {
  let state = seed;
  return (length) => Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}
const low: Rng = (length) => new Uint8Array(length);

describe("N18 the delay between attempts", () => {
  test("is drawn between zero and a bound that doubles from one second to one minute", () => {
    const seen: number[][] = Array.from({ length: 9 }, () => []);
    for (let seed = 1; seed <= 256; seed++) {
      const policy = new ReconnectPolicy(["wss://a"], spread(seed * 7_919));
      for (let attempt = 0; attempt < seen.length; attempt++) {
        const next = policy.after(lost, 0);
        if (next !== undefined) seen[attempt]?.push(next);
      }
    }
    for (const [attempt, delays] of seen.entries()) {
      const bound = Math.min(reconnectDelayMsMax, reconnectDelayMsMin * 2 ** attempt);
      expect(delays).toHaveLength(256);
      expect(Math.max(...delays)).toBeLessThanOrEqual(bound);
      expect(Math.max(...delays)).toBeGreaterThan(bound * 0.9); // full jitter uses the whole range
      expect(Math.min(...delays)).toBeLessThan(bound * 0.1);
    }
  });

  test("begins anew after a stream that was stable, and only then", () => {
    const bounds = (livedMs: number): number => {
      const policy = new ReconnectPolicy(["wss://a"], low);
      for (let i = 0; i < 10; i++) policy.after(lost, 0);
      policy.after(lost, livedMs);
      return policy.attempt;
    };
    expect(bounds(stableAfterMs - 1)).toBe(12);
    expect(bounds(stableAfterMs)).toBe(2);
  });

  test("P01 is long after a close that no honest server causes", () => {
    const longest = (error: TransportError): number => Math.max(...Array.from({ length: 64 }, (_, i) => {
      const next = new ReconnectPolicy(["wss://a"], spread(i * 7_919)).after(error, 0);
      return next ?? -1;
    }));
    expect(longest(lost)).toBeLessThanOrEqual(reconnectDelayMsMin);
    expect(longest(failure("ERR_STREAM_MALFORMED", false))).toBeGreaterThan(reconnectDelayMsMax / 2);
  });
});

test("Q02 N18 a resumed session that failed to go on costs neither a wait nor a turn, and what had worked counts", () => {
  const resumption = new TransportError("ERR_STREAM_CLOSED", "a failure", { retryable: true, details: { reason: "resumption" } });
  const policy = new ReconnectPolicy(["wss://a", "wss://b"], spread(5));
  for (const livedMs of [0, 5]) expect([policy.after(resumption, livedMs), policy.service, policy.attempt]).toEqual([0, "wss://a", 1]);
  const elsewhere = Array.from({ length: 4 }, () => policy.after(failure("ERR_TLS_FAILED", false), 0));
  expect(elsewhere).not.toContain(undefined);
});

test("N18 N04 whoever asks for a stream begins anew: the first service, the shortest wait, and a refusal of before completes no round", () => {
  const refused = failure("ERR_TLS_FAILED", false);
  const policy = new ReconnectPolicy(["wss://a", "wss://b"], low);
  for (const error of [lost, lost, lost, lost, refused]) policy.after(error, 0);
  expect([policy.service, policy.attempt]).toEqual(["wss://b", 3]);
  policy.begin();
  expect([policy.service, policy.attempt]).toEqual(["wss://a", 1]);
  expect(policy.after(lost, 0)).toBeDefined();
  expect(policy.after(refused, 0)).toBeDefined();
});

test("N17 a permanent failure stops at the first endpoint that says so", () => {
  const policy = new ReconnectPolicy(["wss://a", "wss://b"], low);
  expect(policy.after(failure("ERR_AUTH_REJECTED", false), 0)).toBeUndefined();
});

test("N08 N21 a server that has not proven itself is not told the proof again, and nobody fights for his resource: both stop the client, whatever has worked", () => {
  for (const services of [["wss://a"], ["wss://a", "wss://b"]]) {
    for (const [code, livedMs] of [["ERR_AUTH_SERVER", 0], ["ERR_STREAM_CONFLICT", 0], ["ERR_STREAM_CONFLICT", stableAfterMs]] as const) {
      expect(new ReconnectPolicy(services, low).after(failure(code, false), livedMs)).toBeUndefined();
      const worked = new ReconnectPolicy(services, low);
      worked.after(lost, stableAfterMs);
      expect(worked.after(failure(code, false), livedMs)).toBeUndefined();
    }
  }
});

describe("several endpoints", () => {
  test("are tried one after the other without a wait, and the round is followed by one", () => {
    const policy = new ReconnectPolicy(["wss://a", "wss://b"], spread(1));
    const down = failure("ERR_CONNECT_FAILED", true);
    expect(policy.service).toBe("wss://a");
    expect(policy.after(down, 0)).toBe(0);
    expect(policy.service).toBe("wss://b");
    const next = policy.after(down, 0);
    expect(next).toBeGreaterThan(0);
    expect(policy.service).toBe("wss://a");
  });

  test("stay with the one that worked", () => {
    const policy = new ReconnectPolicy(["wss://a", "wss://b"], low);
    policy.after(failure("ERR_CONNECT_FAILED", true), 0);
    policy.after(lost, 10);
    expect(policy.service).toBe("wss://b");
  });

  test.each([
    ["accepts and hangs up", lost], ["says that it goes down", failure("ERR_STREAM_ERROR", true)], ["sends us elsewhere without end", failure("ERR_STREAM_ERROR", true)],
    ["cannot check passwords for now", failure("ERR_AUTH_TEMPORARY", true)],
  ])("do not wait for one that %s: the next is asked at once, and after the round there is a wait that grows", (_, error) => {
    const policy = new ReconnectPolicy(["xmpp://a", "xmpp://b"], spread(3));
    const bounds: number[] = [];
    for (let round = 0; round < 4; round++) {
      expect(policy.service).toBe("xmpp://a");
      expect(policy.after(error, 0, true)).toBe(0); // blamed or not: it never got as far as what we sent
      expect(policy.service).toBe("xmpp://b");
      const next = policy.after(error, 0);
      expect(next).toBeGreaterThan(0);
      bounds.push(policy.attempt);
    }
    expect(bounds).toEqual([2, 3, 4, 5]);
  });

  test("are all asked when the one that worked is half dead afterwards, and one that worked is gone back to first", () => {
    const policy = new ReconnectPolicy(["xmpp://a", "xmpp://b", "xmpp://c"], low);
    policy.after(lost, 0);
    for (const livedMs of [1, 10, stableAfterMs]) {
      policy.after(lost, livedMs);
      expect(policy.service).toBe("xmpp://b");
    }
    const asked = Array.from({ length: 3 }, () => {
      policy.after(lost, 0);
      return policy.service;
    });
    expect(asked).toEqual(["xmpp://c", "xmpp://a", "xmpp://b"]);
  });

  test("P01 are all asked when one sends garbage, but late; garbage is no reason to stop, nor to forget the reasons of the others", () => {
    const garbage = failure("ERR_STREAM_MALFORMED", false);
    const delays = Array.from({ length: 64 }, (_, i) => {
      const policy = new ReconnectPolicy(["xmpp://a", "xmpp://b"], spread(i * 7_919));
      const next = policy.after(garbage, 0);
      expect(policy.service).toBe("xmpp://b");
      return next ?? -1;
    });
    expect(Math.max(...delays)).toBeGreaterThan(reconnectDelayMsMax / 2);
    const policy = new ReconnectPolicy(["xmpp://a", "xmpp://b"], low);
    const wrong = failure("ERR_TLS_FAILED", false);
    for (const error of [wrong, garbage, wrong, lost, wrong]) expect(policy.after(error, 0)).toBeDefined();
    expect(policy.after(wrong, 0)).toBeUndefined();
    const worked = new ReconnectPolicy(["xmpp://a", "xmpp://b"], low);
    worked.after(garbage, 5);
    expect(worked.service).toBe("xmpp://a");
  });

  test("N04 stop when none of them can be used, and go on while one of them is merely down", () => {
    const wrong = failure("ERR_TLS_FAILED", false);
    const none = new ReconnectPolicy(["wss://a", "wss://b"], low);
    none.after(wrong, 0);
    expect(none.after(wrong, 0)).toBeUndefined();
    const one = new ReconnectPolicy(["wss://a", "wss://b"], low);
    one.after(wrong, 0);
    expect(one.after(failure("ERR_CONNECT_FAILED", true), 0)).toBeDefined();
  });
});

describe("a service that has worked in this run", () => {
  const passing = (["ERR_TLS_FAILED", "ERR_TLS_REQUIRED", "ERR_STREAM_ERROR"] as const).map((code) => failure(code, false));

  test.each(passing)("N17 is not given up for $code: the place where we are may be to blame; at the first attempt it is told", (error) => {
    expect(new ReconnectPolicy(["xmpps://a"], low).after(error, 0)).toBeUndefined();
    const delays = Array.from({ length: 64 }, (_, i) => {
      const policy = new ReconnectPolicy(["xmpps://a"], spread(i * 7_919));
      policy.after(lost, 1);
      const next = policy.after(error, 0);
      return next ?? -1;
    });
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeGreaterThan(reconnectDelayMsMax / 2);
  });

  test("stops for what it says itself, once we are in", () => {
    const policy = new ReconnectPolicy(["xmpps://a"], low);
    policy.after(lost, 1);
    expect(policy.after(failure("ERR_STREAM_ERROR", false), 1)).toBeUndefined();
    expect(policy.after(failure("ERR_AUTH_REJECTED", false), 0)).toBeUndefined();
  });

  test("Q13 goes on behind an end of the stream that a message of ours may have caused, for it will be found", () => {
    const ended = failure("ERR_STREAM_ERROR", false);
    expect(new ReconnectPolicy(["xmpps://a"], low).after(ended, 1, true)).toBe(0);
    expect(new ReconnectPolicy(["xmpps://a"], low).after(ended, 1, false)).toBeUndefined();
  });

  test("is gone back to when it ends a stream for a policy of its own, but not asked again for ever for what it refuses", () => {
    const violated = (code: TransportErrorCode): TransportError => new TransportError(code, "a failure", { details: { condition: "policy-violation" } });
    const policy = new ReconnectPolicy(["xmpps://a"], low);
    expect(policy.after(violated("ERR_STREAM_ERROR"), 1)).toBeDefined();
    expect(policy.after(violated("ERR_STANZA_ERROR"), 1)).toBeUndefined();
    expect(new ReconnectPolicy(["xmpps://a"], low).after(violated("ERR_STREAM_ERROR"), 0)).toBeUndefined();
  });

  test("N04 has its endpoints judged anew: a refusal of long ago and one of now are no round", () => {
    const policy = new ReconnectPolicy(["xmpps://a", "xmpps://b"], low);
    const refused = failure("ERR_TLS_FAILED", false);
    policy.after(refused, 0);
    policy.after(lost, stableAfterMs);
    expect(policy.service).toBe("xmpps://b");
    expect(policy.after(refused, 0)).toBeDefined();
  });
});
