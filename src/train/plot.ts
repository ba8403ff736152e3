import type { LogLine } from './log.js'
import { type Gap, gapsOf, type Points, piecesOf } from './plot-gaps.js'

/** A curve: places along the x axis and values; it is broken where a gap begins. */
interface Curve {
  readonly name: string
  readonly colour: string
  readonly points: Points
  readonly gaps?: readonly Gap[]
  readonly faint?: boolean
}

const WIDTH = 860
const PLOT = { left: 62, width: 770, height: 230 }
const LOSS = { top: 44, colour: '#30638e' }
const GAP = '#c1121f'
const SCORES = { top: 334 }
const SCORE_COLOURS = {
  ...{ appearance: '#00798c', motion: '#d1495b', order: '#b8860b' },
  ...{ retrieval: '#00798c', recognition: '#d1495b' },
} as const
const SCORE_NAMES = {
  ...{ appearance: 'appearance R@1', motion: 'motion top-1', order: 'order pairs' },
  ...{ retrieval: 'retrieval R@1', recognition: 'top-1' },
} as const

/** A run's loss and scores over its steps, from its log: one SVG picture without script or outside fonts. */
export function plotSvg(lines: readonly LogLine[]): string {
  const end = Math.max(1, lines.at(-1)?.total ?? 1)
  const x = (step: number): number => PLOT.left + (step / end) * PLOT.width
  const begins = lines.filter(({ stage }, n) => stage !== lines[n - 1]?.stage)
  const losses = lines.flatMap(({ total, loss }): (readonly [number, number])[] =>
    typeof loss === 'number' && Number.isFinite(loss) ? [[total, loss]] : [],
  )
  const gaps = gapsOf(lines)
  // A few steps at the start are so far off that the rest would lie flat.
  const ordered = losses.map(([, loss]) => loss).sort((a, b) => a - b)
  const most = niceTop(ordered[Math.floor(0.995 * (ordered.length - 1))] ?? 1)
  const greatest = ordered.at(-1) ?? 0
  const cut = greatest > most ? `, cut at ${short(most)} (up to ${short(greatest)})` : ''
  const curves: Curve[] = [
    { name: 'each step', colour: LOSS.colour, points: thinned(losses), gaps, faint: true },
    {
      name: 'smoothed',
      colour: LOSS.colour,
      points: thinned(smoothed(losses, new Set(begins.map(({ total }) => total)))),
      gaps,
    },
  ]
  const scores = (Object.keys(SCORE_NAMES) as (keyof typeof SCORE_NAMES)[]).map((name) => ({
    name: SCORE_NAMES[name],
    colour: SCORE_COLOURS[name],
    points: lines.flatMap(({ total, scores }): (readonly [number, number])[] => {
      const score = (scores as Partial<Record<string, number>> | undefined)?.[name]
      return score === undefined ? [] : [[total, 100 * score]]
    }),
  }))
  const height = SCORES.top + PLOT.height + 56
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#333">`,
    '<title>Loss and validation scores over the steps of training</title>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    gapMarks(gaps, x),
    panel(`Loss${cut}`, LOSS.top, most, x, curves, short),
    panel('Validation', SCORES.top, 100, x, scores, (value) => `${Math.round(10 * value) / 10} %`),
    stageMarks(begins, x),
    steps(end, x),
    '</svg>\n',
  ].join('\n')
}

const short = (value: number): string => String(Number(value.toPrecision(3)))

function panel(
  title: string,
  top: number,
  most: number,
  x: (step: number) => number,
  curves: readonly Curve[],
  label: (value: number) => string,
): string {
  const y = (value: number): number => top + PLOT.height * (1 - Math.min(value, most) / most)
  const right = PLOT.left + PLOT.width
  const grid = [0, 1, 2, 3, 4, 5].map((n) => {
    const at = y((most * n) / 5)
    return `<line x1="${PLOT.left}" x2="${right}" y1="${at}" y2="${at}" stroke="#e4e4e4"/><text x="${PLOT.left - 8}" y="${at + 4}" text-anchor="end">${label((most * n) / 5)}</text>`
  })
  const shown = curves.filter(({ points }) => points.length > 0)
  const drawn = shown.map(({ points, colour, gaps = [], faint }) => {
    const style = faint ? 'stroke-width="0.7" opacity="0.3"' : 'stroke-width="2"'
    const pieces = piecesOf(points, gaps)
    const lines = pieces.map((piece) => {
      const path = piece.map(([step, value]) => `${round(x(step))},${round(y(value))}`).join(' ')
      return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-linejoin="round" ${style}/>`
    })
    // A line of one point is none.
    const dotted = points.length > 60 ? pieces.filter(({ length }) => length === 1).flat() : points
    const dots = dotted.map((p) => dot(x(p[0]), y(p[1]), colour))
    return [...lines, ...dots].join('')
  })
  const legend = [...shown].reverse().map(({ name, colour, faint, points }, n) => {
    const [at, last] = [right - n * 190, points.at(-1)?.[1] as number]
    return `<text x="${at}" y="${top - 12}" text-anchor="end" fill="${colour}"${faint ? ' opacity="0.6"' : ''}>${name}${faint ? '' : `, last ${label(last)}`}</text>`
  })
  return [
    `<text x="${PLOT.left}" y="${top - 12}" font-weight="600">${title}</text>`,
    ...[...grid, ...legend, ...drawn],
  ].join('\n')
}

const dot = (x: number, y: number, colour: string): string =>
  `<circle cx="${round(x)}" cy="${round(y)}" r="2.5" fill="${colour}"/>`

/** Where stages begin, with their names. */
function stageMarks(begins: readonly LogLine[], x: (step: number) => number): string {
  return begins
    .map(({ total, stage }, n) => {
      const at = round(x(total - 1))
      const line = [LOSS.top, SCORES.top].map(
        (top) =>
          `<line x1="${at}" x2="${at}" y1="${top}" y2="${top + PLOT.height}" stroke="#999" stroke-dasharray="3 3"/>`,
      )
      return `${line.join('')}<text x="${at + 5}" y="${LOSS.top + 14 + 14 * (n % 3)}" fill="#777">${escaped(String(stage))}</text>`
    })
    .join('\n')
}

function steps(end: number, x: (step: number) => number): string {
  const apart = niceTop(end / 8)
  const y = SCORES.top + PLOT.height + 18
  const marks = Array.from({ length: Math.floor(end / apart) + 1 }, (_, n) => n * apart)
  const numbers = marks.map(
    (step) => `<text x="${round(x(step))}" y="${y}" text-anchor="middle">${step}</text>`,
  )
  return `${numbers.join('')}<text x="${PLOT.left + PLOT.width / 2}" y="${y + 22}" text-anchor="middle">steps</text>`
}

/** A band where the loss was no number, with the first and the count of such steps under the panel. */
function gapMarks(gaps: readonly Gap[], x: (step: number) => number): string {
  const [first] = gaps
  if (first === undefined) return ''
  const bands = gaps.map(([from, to]) => {
    const [left, right] = [round(x(from - 1)), round(x(to))]
    return `<rect x="${left}" y="${LOSS.top}" width="${round(Math.max(1, right - left))}" height="${PLOT.height}" fill="${GAP}" opacity="0.3"/>`
  })
  const count = gaps.reduce((sum, [from, to]) => sum + to - from + 1, 0)
  const told = `loss is no number in ${count} step${count === 1 ? '' : 's'}, the first: ${first[0]}`
  return `${bands.join('')}<text x="${PLOT.left}" y="${LOSS.top + PLOT.height + 18}" fill="${GAP}">${told}</text>`
}

/** Mean that forgets by a fiftieth a step; at the start of a stage it is the mean of what there is. */
function smoothed(points: Points, begins: ReadonlySet<number>): Points {
  let [sum, weight] = [0, 0]
  return points.map(([at, value]) => {
    const kept = begins.has(at) ? 0 : 0.98
    sum = sum * kept + value
    weight = weight * kept + 1
    return [at, sum / weight] as const
  })
}

/** At most two points a pixel: more cannot be seen. */
function thinned(points: Points): Points {
  const every = Math.ceil(points.length / (2 * PLOT.width))
  return points.filter((_, n) => n % every === 0 || n === points.length - 1)
}

/** The next of 1, 2, 2.5, 5 and 10 times a power of ten that is not below. */
function niceTop(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return (([1, 2, 2.5, 5].find((step) => step * power >= value) ?? 10) as number) * power
}

const round = (value: number): number => Math.round(value * 100) / 100
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
