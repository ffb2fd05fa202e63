/** The focus must not fall into nothing when what held it goes away. @module */

/** Puts the focus on `next` if the element that had it is hidden or gone. To be called after the change. */
export function rescueFocus(next: HTMLElement | null | undefined): void {
  const active = document.activeElement;
  if (active === null || active === document.body || active.getClientRects().length === 0) next?.focus();
}
