/** Elements out of plain values. Text becomes text nodes and nothing else, so no name or label can turn into markup. */

export type Child = Node | string | number | false | null | undefined
type Value = string | number | boolean | null | undefined
export interface Props {
  readonly [attribute: string]: Value | Listeners
  readonly on?: Listeners
}
type Listeners = { readonly [event: string]: (event: Event) => void }

const SVG = 'http://www.w3.org/2000/svg'

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return dress(document.createElement(tag), props, children)
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return dress(document.createElementNS(SVG, tag) as SVGElementTagNameMap[K], props, children)
}

/** Puts these in the place of what an element holds. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter(isThere).map(asNode))
}

/** Sets text only where it differs, so that screen readers hear changes and nothing else. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function find<E extends Element = HTMLElement>(selector: string): E {
  const found = document.querySelector<E>(selector)
  if (found === null) throw new TypeError(`The page has no ${selector}.`)
  return found
}

function dress<E extends Element>(element: E, props: Props, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value as Listeners)) {
        element.addEventListener(event, listener)
      }
    } else set(element, name, value as Value)
  }
  fill(element, ...children)
  return element
}

/** A view of this page, or a path of this server: `//` and `/\` begin the name of another. */
const OURS = /^(#|\/(?![/\\]))/

function set(element: Element, name: string, value: Value): void {
  if (value === undefined || value === null || value === false) return
  // Addresses are ours: nothing stored or sent may become one that runs or leads away.
  if ((name === 'href' || name === 'src') && !OURS.test(String(value))) return
  if (name.startsWith('on') || name === 'style') throw new TypeError(`${name} is not set this way.`)
  element.setAttribute(name, value === true ? '' : String(value))
}

const isThere = (child: Child): child is Node | string | number =>
  child !== false && child !== null && child !== undefined
const asNode = (child: Node | string | number): Node | string =>
  typeof child === 'number' ? String(child) : child
