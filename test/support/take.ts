/** Reading an iterator that goes on for ever, in Node as in Chromium. @module */

/** The next `count` of an iterator; fewer if it ends. */
export async function take<T>(source: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const next = await source.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}
