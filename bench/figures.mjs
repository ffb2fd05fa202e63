/** What a module of the benchmark reports, and how a figure is shown beside its target. @module */

/** Without a `target` it is only shown; otherwise the value is to be below it, or `atLeast` it. @typedef {{ name: string, value: number, target?: number, atLeast?: true }} Figure */

/** What `bench()` of a module resolves with; `notes`: lines with the absolute numbers behind the figures. @typedef {{ notes: readonly string[], figures: readonly Figure[] }} Report */

/** @param {Figure} figure */
export const reached = ({ value, target, atLeast }) => target === undefined || (atLeast === true ? value >= target : value < target);

/** @param {Figure} figure */
export function row(figure) {
  const { name, value, target, atLeast } = figure;
  const text = Number.isInteger(value) ? String(value) : value.toFixed(2);
  const wanted = target === undefined ? "" : `target ${atLeast === true ? "at least" : "below"} ${target}`;
  return `${reached(figure) ? "ok  " : "MISS"} ${name.padEnd(70)} ${text.padStart(8)}  ${wanted}`;
}
