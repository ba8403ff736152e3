import type { VideoInfo } from './reader.js'

/** Video packets in file order, column by column. NaN: the container does not say. */
export interface Packets {
  readonly pts: ArrayLike<number>
  /** 1 for packets a decoder can start from. */
  readonly key: ArrayLike<number>
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
  const start = startsHidden ? 0 : Math.max(0, Array.prototype.indexOf.call(packets.key, 1))
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
  const count = pts.length - start
  if (Number.isNaN(earliest)) return undefined
  const timed: number[] = []
  let missing = 0
  for (let i = start; i < pts.length; i++) {
    const at = pts[i] ?? Number.NaN
    if (Number.isNaN(at)) missing++
    else if (at >= earliest) timed.push(i)
  }
  // Where each second packet has none, they are the second fields of interlaced frames.
  if (missing > count / 2) return undefined
  const time = (packet: number): number => pts[packet] ?? 0
  timed.sort((a, b) => time(a) - time(b))
  const order = timed.filter((packet, i) => i === 0 || time(packet) !== time(timed[i - 1] ?? packet))
  if (timed.length - order.length > timed.length * SHARED) return undefined
  const timestamps = Float64Array.from(order, time)
  return {
    timestamps,
    keyframes: Uint32Array.from(order.flatMap((packet, index) => (key[packet] === 1 ? [index] : []))),
    timing: 'timestamps',
    // Containers and libav versions differ on how long the last frame is shown; the usual gap is the same everywhere.
    tail: medianGap(timestamps) ?? period,
  }
}

function byCounting({ pts, key }: Packets, start: number, period: number): FrameTimes {
  const count = pts.length - start
  return {
    timestamps: Float64Array.from({ length: count }, (_, i) => Math.round(i * period)),
    keyframes: Uint32Array.from(
      Array.from({ length: count }, (_, i) => i).filter((i) => key[start + i] === 1),
    ),
    timing: 'counted',
    tail: period,
  }
}

function medianGap(timestamps: Float64Array): number | undefined {
  const gaps = timestamps.subarray(1).map((time, i) => time - (timestamps[i] ?? 0))
  return gaps.sort()[gaps.length >> 1]
}
