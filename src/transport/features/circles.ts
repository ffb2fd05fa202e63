/**
 * Notices that pages lead in a circle, which no honest archive's do: whoever follows them would ask for ever (threats Q03, L02). Of all ids one is
 * remembered at a time, after 1, 2, 4, ... pages, so that a circle is found after a few times its length, and a long archive costs nothing.
 * Not here: pages that lead nowhere at once (archive.ts).
 * @module
 */

/** To be asked with the id that each page leads on to: true if it was there before. */
export function circleWatch(): (id: string) => boolean {
  let mark: string | undefined;
  let pages = 0;
  return (id) => {
    if (id === mark) return true;
    pages += 1;
    if ((pages & (pages - 1)) === 0) mark = id; // a power of two
    return false;
  };
}
