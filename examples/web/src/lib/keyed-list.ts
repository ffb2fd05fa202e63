/** Children that follow a list of data. Elements stay while their item does, so focus, selection and scrolling survive every update. @module */

/** An element that shows one item. */
export interface Row<T> {
  readonly element: HTMLElement;
  readonly update: (item: T) => void;
  /** When the item is gone. */
  readonly end?: () => void;
}

/** Shows `items` as children of one element. */
export class KeyedList<T> {
  readonly #parent: HTMLElement;
  readonly #key: (item: T) => string;
  readonly #make: (item: T) => Row<T>;
  #rows: ReadonlyMap<string, Row<T>> = new Map();

  constructor(parent: HTMLElement, key: (item: T) => string, make: (item: T) => Row<T>) {
    this.#parent = parent;
    this.#key = key;
    this.#make = make;
  }

  /** Shows exactly these items, in this order. Keys must differ. */
  show(items: readonly T[]): void {
    const before = this.#rows;
    const rows = new Map<string, Row<T>>();
    for (const item of items) {
      const key = this.#key(item);
      const row = before.get(key) ?? this.#make(item);
      row.update(item);
      rows.set(key, row);
    }
    for (const [key, row] of before) {
      if (rows.has(key)) continue;
      row.element.remove();
      row.end?.();
    }
    this.#rows = rows;
    let at = this.#parent.firstElementChild;
    for (const { element } of rows.values()) {
      if (element === at) at = at.nextElementSibling;
      else this.#parent.insertBefore(element, at);
    }
  }
}
