/** Frames in one round of a pattern, at most: windows that overlap repeat after a few times their own frames. */
const LONGEST_ROUND = 64
/** A pattern that lets more of the time through than this saves too little. */
const SAVES = 0.8
/** A longer round has to let so much less through to be worth its terms. */
const BETTER = 0.05

interface Rounds {
  /** When the steady part starts and ends: before and after, windows do not overlap yet, or no more. */
  readonly start: number
  readonly end: number
  readonly period: number
  /** For each frame of a round, when it comes at the earliest and at the latest, from the round's start. */
  readonly slots: readonly { readonly from: number; readonly to: number }[]
}

/**
 * An expression of `pts` that is true for all these ascending stamps and, if they come in rounds that repeat, false for
 * most others. `gap` is the usual distance between neighbouring frames. Undefined where there is no such pattern.
 */
export function pattern(stamps: Float64Array, gap: number): string | undefined {
  let best: Rounds | undefined
  for (let length = 1; length <= Math.min(LONGEST_ROUND, stamps.length / 4); length++) {
    const rounds = fold(stamps.subarray(length, -length), length, gap / 4)
    if (passed(rounds) < (best === undefined ? SAVES : passed(best) - BETTER)) best = rounds
  }
  if (best === undefined) return undefined
  const { start, end, period, slots } = best
  const first = earliest(best)
  const place = `mod(pts-(${start + first}),${period})`
  const inRound = slots.map(({ from, to }) => `between(${place},${from - first},${to - first})`)
  return [`lt(pts,${start})`, `gt(pts,${end})`, ...inRound].join('+')
}

/** The stamps as rounds of `length` frames: how far each frame of a round strays. */
function fold(stamps: Float64Array, length: number, margin: number): Rounds {
  const first = stamps[0] ?? 0
  const whole = Math.floor((stamps.length - 1) / length)
  const period = ((stamps[whole * length] ?? first) - first) / whole
  const from = new Float64Array(length).fill(Number.POSITIVE_INFINITY)
  const to = new Float64Array(length).fill(Number.NEGATIVE_INFINITY)
  for (let i = 0; i < stamps.length; i++) {
    const slot = i % length
    const offset = (stamps[i] ?? first) - first - Math.floor(i / length) * period
    from[slot] = Math.min(from[slot] ?? 0, offset - margin)
    to[slot] = Math.max(to[slot] ?? 0, offset + margin)
  }
  const slots = Array.from(from, (earliest, slot) => ({ from: earliest, to: to[slot] ?? 0 }))
  return { start: first, end: stamps.at(-1) ?? first, period, slots }
}

const earliest = ({ slots }: Rounds): number => Math.min(...slots.map(({ from }) => from))

/** Part of the time that a pattern lets through; all of it where one round runs into the next. */
function passed(rounds: Rounds): number {
  const { period, slots } = rounds
  const length = Math.max(...slots.map(({ to }) => to)) - earliest(rounds)
  if (!(length < period)) return 1
  return slots.reduce((sum, { from, to }) => sum + (to - from), 0) / period
}
