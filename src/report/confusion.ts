import { escapeHtml } from './html.js'

export interface ConfusionMatrix {
  readonly classes: readonly { readonly label: string; readonly count: number }[]
  /** `[truth][answer]` counts. */
  readonly confusion: readonly (readonly number[])[]
}

/** Beyond so many classes nobody could read their names. */
const MOST_NAMED = 40
const LONGEST_NAME = 34
/** Width of a character, in pixels. */
const CHARACTER = 6.2
/** Pixels of all cells together, and of one. */
const SIDE = 640
const [SMALLEST, LARGEST, WRITTEN] = [2, 30, 18]
/** White on either is 4.6 : 1 and more. */
const [RIGHT, WRONG] = ['#2b8256', '#bf5519']
/** What the page has behind it where it is light; in the dark its style sheet makes all counts white. */
const PAGE = '#f6f6f3'

/** What the picture brings along where no page surrounds it. */
export interface ConfusionLook {
  readonly paper: string
  readonly ink: string
}

/**
 * Which class was taken for which, as SVG: a row for each class, a column for each answer, shaded by the share of the row.
 * Classes that neither are there nor were answered are left out. `look`: with a background of its own.
 */
export function confusionSvg({ classes, confusion }: ConfusionMatrix, look?: ConfusionLook): string {
  const column = classes.map((_, n) => confusion.reduce((sum, row) => sum + (row[n] ?? 0), 0))
  const shown = [...classes.keys()].filter((n) => (classes[n]?.count ?? 0) > 0 || (column[n] ?? 0) > 0)
  const isNamed = shown.length <= MOST_NAMED
  const cell = Math.min(LARGEST, Math.max(SMALLEST, SIDE / Math.max(1, shown.length)))
  const names = shown.map((n) => shortened(classes[n]?.label ?? ''))
  const margin = isNamed ? Math.ceil(Math.max(0, ...names.map(({ length }) => length)) * CHARACTER) + 12 : 12
  const size = Math.ceil(margin + cell * shown.length + 8)
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" width="${size}" height="${size}" role="img"`,
    ` aria-label="Confusion matrix of ${shown.length} classes" font-family="system-ui, sans-serif" font-size="11"`,
    look === undefined ? ' fill="currentColor">' : ` fill="${look.ink}">`,
  ]
  if (look !== undefined) parts.push(`<rect width="${size}" height="${size}" fill="${look.paper}"/>`)
  const end = round(margin + cell * shown.length)
  parts.push(
    `<path d="M${margin} ${margin}H${end}V${end}H${margin}Z" fill="none" stroke="currentColor" stroke-opacity="0.4"/>`,
  )
  for (const [y, truth] of shown.entries()) {
    const { label = '', count = 0 } = classes[truth] ?? {}
    const top = round(margin + y * cell)
    if (isNamed) {
      const middle = round(top + cell / 2 + 4)
      const name = escapeHtml(names[y] ?? '')
      parts.push(`<text x="${margin - 6}" y="${middle}" text-anchor="end">${name}</text>`)
      const x = round(margin + y * cell + cell / 2 + 4)
      parts.push(`<text transform="translate(${x} ${margin - 6}) rotate(-90)">${name}</text>`)
    }
    for (const [x, answer] of shown.entries()) {
      const videos = confusion[truth]?.[answer] ?? 0
      if (videos === 0) continue
      const told = `${videos} of ${count} “${label}” taken for “${classes[answer]?.label ?? ''}”`
      const at = `x="${round(margin + x * cell)}" y="${top}"`
      const share = Math.max(0.08, videos / Math.max(1, count)).toFixed(2)
      const colour = truth === answer ? RIGHT : WRONG
      parts.push(
        `<rect ${at} width="${round(cell)}" height="${round(cell)}" fill="${colour}" fill-opacity="${share}"><title>${escapeHtml(told)}</title></rect>`,
      )
      if (cell >= WRITTEN)
        parts.push(
          `<text class="count" x="${round(margin + (x + 0.5) * cell)}" y="${round(top + cell / 2 + 4)}" text-anchor="middle" pointer-events="none" fill="${inkOn(colour, Number(share), look?.paper ?? PAGE)}">${videos}</text>`,
        )
    }
  }
  return `${parts.join('')}</svg>`
}

const round = (x: number): number => Math.round(x * 100) / 100

/** Black or white, whichever stands out more from `colour` laid over `paper`: one of them always does by 4.58 : 1. */
function inkOn(colour: string, opacity: number, paper: string): string {
  const channels = [1, 3, 5].map((at) => {
    const value = (of: string): number => Number.parseInt(of.slice(at, at + 2), 16)
    const mixed = (opacity * value(colour) + (1 - opacity) * value(paper)) / 255
    return mixed <= 0.04045 ? mixed / 12.92 : ((mixed + 0.055) / 1.055) ** 2.4
  })
  const [red = 0, green = 0, blue = 0] = channels
  // Relative luminance as WCAG has it, where contrast with black and with white is the same.
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > Math.sqrt(1.05 * 0.05) - 0.05 ? '#000000' : '#ffffff'
}

function shortened(name: string): string {
  const characters = [...name]
  return characters.length <= LONGEST_NAME ? name : `${characters.slice(0, LONGEST_NAME - 1).join('')}…`
}
