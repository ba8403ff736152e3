import type { ClipPlan, Sampling } from '../src/domain.js'

/** When a video's frames are shown. */
export interface Timeline {
  /** Seconds from the first frame, ascending. */
  readonly times: ArrayLike<number>
  /** Seconds until the last frame ends. */
  readonly duration: number
}

/** Seconds by which a container may round a duration down: Matroska counts in milliseconds. */
const ROUNDING = 0.002

/** Which frames make which clips, in order; made lazily, so a long video's plan need not be held. */
export function* planClips(timeline: Timeline, sampling: Sampling): Generator<ClipPlan> {
  const { times, duration } = timeline
  if (sampling.kind === 'uniform') {
    yield { index: 0, start: 0, end: duration, frameIndices: uniformIndices(times.length, sampling.frames) }
    return
  }
  const { frames, length, stride } = sampling
  for (let index = 0; index === 0 || index * stride < duration; index++) {
    const start = index * stride
    const end = Math.min(start + length, duration)
    // The first window always counts: a video shorter than half a window is still a moment.
    if (index > 0 && end - start < length / 2 - ROUNDING) return
    const step = (end - start) / frames
    const frameIndices = Array.from({ length: frames }, (_, i) => shownAt(times, start + (i + 0.5) * step))
    yield { index, start, end, frameIndices }
  }
}

/**
 * T of N frames over the whole video, the STAN authors' rule for testing:
 * `seg = (N-1)/T`, index i = `round(seg·i) + ⌊trunc(seg)/2⌋`, halves rounded to even as NumPy does.
 */
export function uniformIndices(available: number, wanted: number): number[] {
  const segment = (available - 1) / wanted
  const offset = Math.floor(Math.trunc(segment) / 2)
  return Array.from({ length: wanted }, (_, i) => roundHalfToEven(segment * i) + offset)
}

function roundHalfToEven(x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

/** Index of the frame a player shows at `time`: the last that has appeared. */
export function shownAt(times: ArrayLike<number>, time: number): number {
  // A frame's time and a sampling time that should be equal may differ in the last bits.
  const limit = time + 1e-6
  let low = 0
  let high = times.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((times[middle] as number) <= limit) low = middle
    else high = middle - 1
  }
  return low
}
