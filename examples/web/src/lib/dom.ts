/**
 * Elements without a framework. Text is only ever set as text and attributes come from this program, so nothing that others write can become
 * markup; the page forbids it besides (Trusted Types).
 * @module
 */

/** `true` sets an attribute without a value, `false` and `undefined` leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An element with attributes and children; strings become text. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: readonly (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

/** Sets an attribute, or takes it away. */
export function setAttribute(element: Element, name: string, value: string | number | boolean | undefined): void {
  if (value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Sets the text of an element. The same text is left alone: set anew it would be laid out anew, in a list with every row. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A button that does something. */
export function button(label: string, onClick: (event: MouseEvent) => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = h("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", onClick);
  return element;
}

/** A button that shows an icon (styles/parts.css) and is read as `label`. */
export function iconButton(icon: string, label: string, onClick: (event: MouseEvent) => void): HTMLButtonElement {
  const element = button("", onClick, { class: "icon-button", "aria-label": label, title: label });
  element.append(h("span", { class: `icon icon-${icon}`, "aria-hidden": "true" }));
  return element;
}

/** For screen readers only. */
export const hidden = (text: string): HTMLElement => h("span", { class: "visually-hidden" }, text);

let labels = 0;

/** A form field with its label, and a hint that is read with it. */
export function field(label: string, control: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement, hint?: Node): HTMLElement {
  labels += 1;
  control.id = `field-${labels}`;
  const parts: Node[] = [h("label", { for: control.id }, label), control];
  if (hint !== undefined) {
    const description = h("p", { class: "hint", id: `hint-${labels}` }, hint);
    control.setAttribute("aria-describedby", description.id);
    parts.push(description);
  }
  return h("div", { class: "field" }, ...parts);
}

/** A choice between fixed values. */
export function choice<V extends string>(options: Readonly<Record<V, string>>, chosen: V, attributes: Attributes = {}): HTMLSelectElement {
  const select = h("select", attributes);
  for (const [value, label] of Object.entries<string>(options)) select.append(h("option", { value }, label));
  select.value = chosen;
  return select;
}
