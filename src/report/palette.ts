import type { Leader } from './model.js'

const COLOURS = 10

/** The class of a label's colour, the same all over the page: `c0` … `c9` for the leaders, `cx` for all others. */
export type ColourOf = (label: string | undefined) => string

/** Colours go to the labels that are on top of most clips. */
export function palette(leaders: readonly Leader[]): ColourOf {
  const classes = new Map(leaders.slice(0, COLOURS).map(({ label }, i) => [label, `c${i}`]))
  return (label) => (label === undefined ? 'cx' : (classes.get(label) ?? 'cx'))
}
