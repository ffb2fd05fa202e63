/** Store contract: one writer at a time, proven at each commit (docs/architecture.md, The commit rule; threats D10). @module */
import { utf8Decode } from "../../base/bytes.js";
import { UsageError } from "../../base/errors.js";
import { storeKey, type Fence, type Store } from "../../session/ports.js";
import { codeOf, expectRefusal, expectThat, expectValue, filled, put, type ContractCase, type OpenStore } from "./harness.js";

export const ownershipCases: readonly ContractCase[] = [
  {
    name: "whoever acquires owns the store",
    run: async (open: OpenStore): Promise<void> => {
      const store = await open();
      const fence = await store.acquire();
      expectThat(await store.owns(fence), "the newest fence owns the store");
      await store.commit([put("a", "1")], fence);
      expectThat(await store.owns(fence), "a commit does not change the owner");
    },
  },
  {
    name: "a commit with a fence that was never given out is refused",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, ["a=1"]);
      for (const forged of ["", "0", "1", "2", "undefined", "null", "forged"]) {
        if (await store.owns(forged as Fence)) continue; // a guess may hit; what counts is that owns() and commit() agree
        await expectRefusal(() => store.commit([put("a", "forged")], forged as Fence), "ERR_STORE_FENCED", "a commit with a forged fence");
      }
      expectValue(await store.get(storeKey("a")), "1", "a");
    },
  },
  {
    name: "before anybody has acquired, nobody can commit",
    run: async (open: OpenStore): Promise<void> => {
      const store = await open();
      for (const forged of ["", "undefined"]) {
        expectThat(!(await store.owns(forged as Fence)), "an empty store has no owner");
        await expectRefusal(() => store.commit([put("a", "1")], forged as Fence), "ERR_STORE_FENCED", "a commit without an owner");
      }
      expectValue(await store.get(storeKey("a")), undefined, "a");
    },
  },
  {
    name: "a second handle takes over: the first is fenced, and nothing of its commit is applied",
    run: async (open: OpenStore): Promise<void> => {
      const { store: first, fence: old } = await filled(open, ["a=1"]);
      const second = await open();
      const fence = await second.acquire();
      expectThat(fence !== old, "each fence is new");
      expectThat(!(await first.owns(old)) && !(await second.owns(old)), "the old fence owns nothing, whoever asks");
      expectThat(await second.owns(fence), "the new fence owns the store");
      await expectRefusal(() => first.commit([put("a", "2"), put("b", "2")], old), "ERR_STORE_FENCED", "a commit of the former owner");
      await expectRefusal(() => first.commit([], old), "ERR_STORE_FENCED", "an empty commit of the former owner");
      expectValue(await second.get(storeKey("a")), "1", "a");
      expectValue(await second.get(storeKey("b")), undefined, "b");
      await second.commit([put("a", "3")], fence);
      expectValue(await first.get(storeKey("a")), "3", "a, read by the former owner");
    },
  },
  {
    name: "whoever asks for a confirmation takes over if the answer is yes",
    run: async (open: OpenStore): Promise<void> => {
      const { store: first, fence: old } = await filled(open, ["a=1"]);
      const second = await open();
      const fence = await second.acquire(() => Promise.resolve(true));
      expectThat(await second.owns(fence) && !(await first.owns(old)), "the new fence owns the store");
      await second.commit([put("a", "2")], fence);
    },
  },
  {
    name: "whoever is not confirmed changes nothing",
    run: async (open: OpenStore): Promise<void> => {
      const { store: first, fence } = await filled(open, ["a=1"]);
      const second = await open();
      await expectRefusal(() => second.acquire(() => Promise.resolve(false)), "ERR_STORE_FENCED", "a takeover that was not confirmed");
      expectThat(await first.owns(fence), "the owner is the same");
      await first.commit([put("a", "2")], fence);
    },
  },
  {
    name: "whoever cannot be asked for a confirmation changes nothing",
    run: async (open: OpenStore): Promise<void> => {
      const { store: first, fence } = await filled(open, ["a=1"]);
      const second = await open();
      await expectRefusal(() => second.acquire(() => Promise.reject(new UsageError("ERR_ABORTED", "nobody answers"))), undefined, "a takeover whose question failed");
      expectThat(await first.owns(fence), "the owner is the same");
      await first.commit([put("a", "2")], fence);
    },
  },
  {
    name: "somebody who takes over before the confirmation is there keeps the store",
    run: async (open: OpenStore): Promise<void> => {
      const { store: first } = await filled(open, ["a=1"]);
      const [second, third] = [await open(), await open()];
      let newest: Fence | undefined;
      await expectRefusal(() => second.acquire(async () => {
        newest = await third.acquire();
        return true;
      }), "ERR_STORE_FENCED", "a takeover that comes too late");
      expectThat(newest !== undefined && await third.owns(newest) && await first.owns(newest), "the one who was quicker owns the store");
      await third.commit([put("a", "2")], newest);
    },
  },
  {
    name: "acquiring again fences one's own older fence",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence: old } = await filled(open, []);
      const fence = await store.acquire();
      expectThat(!(await store.owns(old)), "the older fence owns nothing");
      await expectRefusal(() => store.commit([put("a", "1")], old), "ERR_STORE_FENCED", "a commit with the older fence");
      await store.commit([put("a", "2")], fence);
      expectValue(await store.get(storeKey("a")), "2", "a");
    },
  },
  {
    name: "no fence is given out twice, however often the store changes hands",
    run: async (open: OpenStore): Promise<void> => {
      const handles = [await open(), await open()];
      const fences = new Set<Fence>();
      for (let round = 0; round < 130; round++) for (const store of handles) fences.add(await store.acquire()); // more than a byte counts
      expectThat(fences.size === 260, "each fence is new");
    },
  },
  {
    name: "two owners that take over from each other in turn never overwrite each other",
    run: async (open: OpenStore): Promise<void> => {
      const left = await open();
      const right = await open();
      for (let round = 0; round < 5; round++) {
        const mine = await left.acquire();
        await left.commit([put("a", `left ${round}`)], mine);
        const yours = await right.acquire();
        await expectRefusal(() => left.commit([put("a", "late")], mine), "ERR_STORE_FENCED", "a late commit");
        expectValue(await right.get(storeKey("a")), `left ${round}`, "a after the takeover");
        await right.commit([put("a", `right ${round}`)], yours);
      }
    },
  },
  {
    name: "what a takeover reads is final: no commit of the former owner lands after it",
    run: async (open: OpenStore): Promise<void> => {
      const first = await open();
      const second = await open();
      for (let round = 0; round < 20; round++) {
        const old = await first.acquire();
        const racing = Array.from({ length: 4 }, (_unused, at) =>
          first.commit([put("a", `${round}.${at}`)], old).then(() => "done", (error: unknown) => codeOf(error)));
        await second.acquire();
        const seen = await second.get(storeKey("a"));
        for (const outcome of await Promise.all(racing)) {
          expectThat(outcome === "done" || outcome === "ERR_STORE_FENCED", "a commit that meets a takeover is applied or fenced");
        }
        expectValue(await second.get(storeKey("a")), seen, "what was read after the takeover");
      }
    },
  },
  {
    name: "acquiring at the same moment gives each its own fence, and one of them owns the store",
    run: async (open: OpenStore): Promise<void> => {
      const [first, second] = [await open(), await open()];
      const fences = await Promise.all([first, second, first, second].map((store) => store.acquire()));
      expectThat(new Set(fences).size === fences.length, "no fence is given out twice");
      const owners = await Promise.all(fences.map((fence) => second.owns(fence)));
      expectThat(owners.filter((owns) => owns).length === 1, "exactly one fence owns the store");
    },
  },
  {
    name: "no update is lost between owners that read, add one, commit, and take over when they are fenced",
    run: async (open: OpenStore): Promise<void> => {
      const key = storeKey("counter");
      let added = 0;
      const add = async (store: Store): Promise<void> => {
        const fence = await store.acquire();
        const [value] = await store.getMany([key]);
        const next = String(Number(value === undefined ? 0 : utf8Decode(value)) + 1);
        const outcome = await store.commit([put("counter", next)], fence).then(() => "done", (error: unknown) => codeOf(error));
        expectThat(outcome === "done" || outcome === "ERR_STORE_FENCED", "a commit is applied or fenced");
        if (outcome === "done") added += 1;
      };
      const stores = [await open(), await open(), await open()];
      for (let round = 0; round < 4; round++) for (const store of stores) await add(store); // in turn
      expectThat(added === 12, "nobody is fenced who works alone");
      const adding = async (store: Store): Promise<void> => {
        for (let round = 0; round < 12; round++) await add(store);
      };
      await Promise.all(stores.map(adding)); // at the same time
      expectValue(await (await open()).get(key), String(added), "the counter, of all acknowledged additions,");
    },
  },
];
