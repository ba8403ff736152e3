import type { LogLine } from './log.js'

/** Of a curve: places along the x axis and values. */
export type Points = readonly (readonly [x: number, y: number])[]

/** Steps whose loss is no number, from the first to the last. */
export type Gap = readonly [first: number, last: number]

export function gapsOf(lines: readonly LogLine[]): readonly Gap[] {
  const gaps: [number, number][] = []
  let isOpen = false
  for (const { total, loss } of lines) {
    const isNumber = typeof loss === 'number' && Number.isFinite(loss)
    const last = gaps.at(-1)
    if (!isNumber && isOpen && last !== undefined) last[1] = total
    else if (!isNumber) gaps.push([total, total])
    isOpen = !isNumber
  }
  return gaps
}

/** Parts of a curve with no gap inside. */
export function piecesOf(points: Points, gaps: readonly Gap[]): Points[] {
  const pieces: (readonly [number, number])[][] = []
  let next = 0
  let isWhole = false
  for (const point of points) {
    for (; (gaps[next]?.[0] ?? Number.POSITIVE_INFINITY) < point[0]; next++) isWhole = false
    if (isWhole) pieces.at(-1)?.push(point)
    else pieces.push([point])
    isWhole = true
  }
  return pieces
}
