/** Store contract: reopening, closing, wiping (threats D01, D19). @module */
import { storeKey, type Fence, type Store } from "../../session/ports.js";
import { codeOf, expectRefusal, expectRows, expectThat, expectValue, filled, put, type ContractCase, type OpenStore } from "./harness.js";

/** Every operation of the port, for the cases in which none may work. */
function operations(store: Store, fence: Fence): readonly (readonly [string, () => Promise<unknown>])[] {
  const key = storeKey("a");
  return [
    ["acquire", () => store.acquire()],
    ["owns", () => store.owns(fence)],
    ["get", () => store.get(key)],
    ["getMany", () => store.getMany([key])],
    ["list", () => store.list({ prefix: "" })],
    ["commit", () => store.commit([put("a", "late")], fence)],
    ["destroy", () => store.destroy()],
  ];
}

export const lifecycleCases: readonly ContractCase[] = [
  {
    name: "what was committed is there after closing and opening again",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=1", "b=2", "c=3"]);
      await store.commit([put("b", "22")], fence);
      await store.commit([{ kind: "delete", key: storeKey("c") }], fence);
      await store.close();
      expectRows(await (await open()).list({ prefix: "" }), ["a=1", "b=22"], "the reopened store");
    },
  },
  {
    name: "a fence from before a takeover stays refused after closing and opening again",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence: old } = await filled(open, ["a=1"]);
      await store.close();
      const again = await open();
      const fence = await again.acquire();
      expectThat(fence !== old, "each fence is new");
      await expectRefusal(() => again.commit([put("a", "2")], old), "ERR_STORE_FENCED", "a commit with the fence of an earlier life");
      await again.commit([put("a", "3")], fence);
    },
  },
  {
    name: "an empty store reads as empty without being acquired",
    run: async (open: OpenStore): Promise<void> => {
      const store = await open();
      expectValue(await store.get(storeKey("a")), undefined, "a");
      expectRows(await store.list({ prefix: "" }), [], "the list");
    },
  },
  {
    name: "a closed store refuses everything with ERR_STORE_CLOSED, and can be closed again",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=1"]);
      await store.close();
      await store.close();
      for (const [name, run] of operations(store, fence)) await expectRefusal(run, "ERR_STORE_CLOSED", `${name} after close`);
      expectValue(await (await open()).get(storeKey("a")), "1", "a after the refused commit");
    },
  },
  {
    name: "a store that was never used can be closed",
    run: async (open: OpenStore): Promise<void> => {
      const store = await open();
      await store.close();
      await expectRefusal(() => store.get(storeKey("a")), "ERR_STORE_CLOSED", "get after close");
    },
  },
  {
    name: "closing one handle leaves the other one working",
    run: async (open: OpenStore): Promise<void> => {
      const { store: first } = await filled(open, ["a=1"]);
      const second = await open();
      const fence = await second.acquire();
      await first.close();
      await second.commit([put("a", "2")], fence);
      expectValue(await second.get(storeKey("a")), "2", "a");
    },
  },
  {
    name: "a commit that meets close() is there as a whole when it resolved, and not at all when it was refused",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, []);
      const commit = store.commit([put("a", "1"), put("b", "1")], fence).then(() => "done", (error: unknown) => codeOf(error));
      await store.close();
      const outcome = await commit;
      expectThat(outcome === "done" || outcome === "ERR_STORE_CLOSED", "the commit resolves or is refused with ERR_STORE_CLOSED");
      expectRows(await (await open()).list({ prefix: "" }), outcome === "done" ? ["a=1", "b=1"] : [], "the reopened store");
    },
  },
  {
    name: "destroy wipes every row, and closes",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=1", "b=2", "~=3", "!=4"]);
      await store.destroy();
      for (const [name, run] of operations(store, fence)) await expectRefusal(run, "ERR_STORE_CLOSED", `${name} after destroy`);
      await store.close();
      const again = await open();
      expectRows(await again.list({ prefix: "" }), [], "the store after destroy");
      expectValue(await again.get(storeKey("a")), undefined, "a");
      await again.commit([put("a", "new")], await again.acquire());
      expectRows(await again.list({ prefix: "" }), ["a=new"], "the new store");
    },
  },
  {
    name: "after destroy no other handle writes with an old fence",
    run: async (open: OpenStore): Promise<void> => {
      const { store: first, fence } = await filled(open, ["a=1"]);
      const second = await open();
      expectValue(await second.get(storeKey("a")), "1", "a");
      await second.destroy();
      await expectRefusal(() => first.commit([put("a", "2")], fence), undefined, "a commit into a destroyed store");
      const again = await open();
      expectRows(await again.list({ prefix: "" }), [], "the store after destroy");
      expectThat(!(await again.owns(fence)), "the old fence owns nothing");
      await again.commit([put("a", "3")], await again.acquire());
      await expectRefusal(() => first.commit([put("a", "4")], fence), undefined, "a commit into the store that was made in its place");
      expectThat(!(await again.owns(fence)), "the old fence owns nothing of the new store either");
      expectRows(await again.list({ prefix: "" }), ["a=3"], "the new store");
    },
  },
  {
    name: "the end of the medium, where an adapter tells it, is not told of closing and wiping by the same handle",
    run: async (open: OpenStore): Promise<void> => {
      let ends = 0;
      for (const end of ["close", "destroy"] as const) {
        const store = await open();
        if (store.onEnd === undefined) return; // this adapter learns of it only by failing
        store.onEnd(() => { ends += 1; });
        await store.commit([put("a", "1")], await store.acquire());
        await store[end]();
        await (await open()).list({ prefix: "" });
        expectThat(ends === 0, `${end} ends nothing but the handle`);
      }
    },
  },
  {
    name: "the history, where an adapter has one, keeps its name over commits, takeovers, closing and opening again",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=1"]);
      const name = await store.history?.();
      if (name === undefined) return; // this adapter cannot tell, and does not say so
      expectThat(typeof name === "string" && name.length > 0 && name.length <= 256, "a history has a name of 1 to 256 characters");
      await store.commit([put("a", "2")], fence);
      expectThat((await store.history?.()) === name, "a commit does not change the history");
      const second = await open();
      await second.acquire();
      expectThat((await second.history?.()) === name, "every handle gives the history the same name");
      for (const each of [store, second]) await each.close();
      const again = await open();
      await again.commit([put("a", "3")], await again.acquire());
      expectThat((await again.history?.()) === name, "closing and opening again does not change the history");
      await again.close();
      await expectRefusal(async () => again.history?.(), "ERR_STORE_CLOSED", "history after close");
    },
  },
  {
    name: "the condition and the room, where an adapter tells them: nothing is lost by closing, nothing is full from the start",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, ["a=1"]);
      if (store.condition === undefined && store.hasRoom === undefined) return; // a medium that neither deletes nor limits by itself
      await store.close();
      const again = await open();
      await again.commit([put("a", "2")], await again.acquire());
      const condition = await again.condition?.();
      if (condition !== undefined) {
        expectThat(!condition.lost, "a store that was closed is not lost");
        expectThat(!condition.full, "a store with two rows is not full");
        expectThat(["granted", "denied", "unknown"].includes(condition.persistence), "persistence is granted, denied or unknown");
      }
      expectThat((await again.hasRoom?.()) !== false, "a store with two rows has room");
      expectRows(await again.list({ prefix: "" }), ["a=2"], "the store after it was asked: what an adapter keeps for itself is no row");
      await again.close();
      if (again.condition !== undefined) await expectRefusal(async () => again.condition?.(), "ERR_STORE_CLOSED", "condition after close");
      if (again.hasRoom !== undefined) await expectRefusal(async () => again.hasRoom?.(), "ERR_STORE_CLOSED", "hasRoom after close");
    },
  },
];
