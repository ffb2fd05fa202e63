/** Up, down, Home and End move through the links of a list; Tab goes on to the next thing. @module */

export function arrowKeys(list: HTMLElement): void {
  list.addEventListener("keydown", (event) => {
    const links = Array.from(list.querySelectorAll<HTMLElement>("a, button.entry"));
    const at = links.indexOf(document.activeElement as HTMLElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    links[Math.max(0, Math.min(links.length - 1, to))]?.focus();
  });
}
