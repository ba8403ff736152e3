import { firstAtOrAfter, marked } from './indices.js'
import type { VideoInfo } from './reader.js'

/** Video packets in file order, column by column. NaN: the container does not say. */
export interface Packets {
  readonly pts: Float64Array
  /** 1 for packets a decoder can start from. */
  readonly key: Uint8Array
}

export interface FrameTimes {
  readonly timestamps: Float64Array
  readonly keyframes: Uint32Array
  readonly timing: VideoInfo['timing']
  /** How long the last frame is shown, in timestamp units. */
  readonly tail: number
}

interface Stream {
  /** True where a keyframe that is not shown itself comes first, as in trimmed videos: then every packet can be decoded. */
  readonly startsHidden: boolean
  readonly averageRate: { readonly num: number; readonly den: number }
  readonly timeBase: { readonly num: number; readonly den: number }
}

/** Frames per second where a stream does not say. */
const USUAL_RATE = 25
/** Part of the packets that may share a timestamp with another before timestamps count as unusable. */
const SHARED = 0.1

/** When frames are shown, out of the packets that can be decoded. */
export function frameTimes(packets: Packets, { startsHidden, averageRate, timeBase }: Stream): FrameTimes {
  const rate = averageRate.num > 0 && averageRate.den > 0 ? averageRate.num / averageRate.den : USUAL_RATE
  const period = timeBase.den / (timeBase.num * rate)
  const start = startsHidden ? 0 : Math.max(0, packets.key.indexOf(1))
  // Frames shown before the first keyframe can't be decoded.
  const earliest = startsHidden ? Number.NEGATIVE_INFINITY : (packets.pts[start] ?? Number.NaN)
  return byTimestamps(packets, start, earliest, period) ?? byCounting(packets, start, period)
}

/** Undefined where timestamps don't tell frames apart. */
function byTimestamps(
  { pts, key }: Packets,
  start: number,
  earliest: number,
  period: number,
): FrameTimes | undefined {
  if (Number.isNaN(earliest)) return undefined
  const shown = pts.subarray(start)
  const timed = shown.filter((at) => at >= earliest).sort()
  // Where each second packet has none, they are the second fields of interlaced frames.
  const missing = shown.reduce((count, at) => (Number.isNaN(at) ? count + 1 : count), 0)
  if (missing > shown.length / 2) return undefined
  const timestamps = timed.filter((at, i) => i === 0 || at !== timed[i - 1])
  if (timed.length - timestamps.length > timed.length * SHARED) return undefined
  const isKey = new Uint8Array(timestamps.length)
  for (let i = start; i < pts.length; i++) {
    const at = pts[i] ?? Number.NaN
    if (key[i] === 1 && at >= earliest) isKey[firstAtOrAfter(timestamps, at)] = 1
  }
  return {
    timestamps,
    keyframes: marked(isKey),
    timing: 'timestamps',
    // Containers and libav versions differ on how long the last frame is shown; the usual gap is the same everywhere.
    tail: medianGap(timestamps) ?? period,
  }
}

function byCounting({ pts, key }: Packets, start: number, period: number): FrameTimes {
  return {
    timestamps: new Float64Array(pts.length - start).map((_, i) => Math.round(i * period)),
    keyframes: marked(key.subarray(start)),
    timing: 'counted',
    tail: period,
  }
}

function medianGap(timestamps: Float64Array): number | undefined {
  const gaps = timestamps.subarray(1).map((time, i) => time - (timestamps[i] ?? 0))
  return gaps.sort()[gaps.length >> 1]
}
