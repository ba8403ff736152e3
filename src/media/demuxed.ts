import { StanflowError } from '../errors.js'
import type { VideoInfo } from './reader.js'

/** A fraction, as libav writes rates and time bases. */
export interface Fraction {
  readonly num: number
  readonly den: number
}

/** What a demuxer says of a file's video stream, before it is judged. Both readers fill it in from libav. */
export interface Demuxed {
  readonly path: string
  /** libav's format names, comma-separated. */
  readonly container: string
  readonly codec: string
  readonly width: number
  readonly height: number
  readonly sampleAspect: Fraction
  /** Clockwise degrees from the display matrix, any number. */
  readonly rotation: number
  readonly pixelFormat: string
  /** True for tt, bb, tb and bt field orders. */
  readonly interlaced: boolean
  readonly averageRate: Fraction
  readonly timeBase: Fraction
  /** Frames that the header promises; 0 where it does not say. */
  readonly promisedFrames: number
  /** Seconds that the container's header promises; 0 where it does not say. */
  readonly promisedDuration: number
  /** Where the last packet of any stream ends, minus where the first starts, in seconds. */
  readonly lastedDuration: number
  /** Video packets in file order, those marked for discarding left out. */
  readonly packets: Packets
}

/** Video packets, column by column. NaN: the container does not say. */
export interface Packets {
  readonly pts: ArrayLike<number>
  readonly duration: ArrayLike<number>
  readonly key: ArrayLike<number>
}

/** A file that ends before this part of what its header promises counts as cut off. */
const WHOLE = 0.95
const STILL = /(_pipe$|^image2)/
const ALPHA = /^(yuva|gbrap|rgba|argb|abgr|bgra|ya|ayuv|vuya|pal8)/

/** A demuxed file as a video, or what keeps it from being one. */
export function judge(found: Demuxed): VideoInfo {
  const { path, container } = found
  if (container.split(',').some((name) => STILL.test(name))) {
    throw new StanflowError('MEDIA_STILL_IMAGE', `${path} is a still image`)
  }
  refuseTruncated(found)
  const { timestamps, keyframes, timing, tail } = frameTimes(found)
  if (timestamps.length < 2) {
    throw new StanflowError(
      'MEDIA_TOO_SHORT',
      `${path} has ${timestamps.length === 1 ? 'a single frame' : 'no frame that can be decoded'}`,
    )
  }
  const unit = found.timeBase.num / found.timeBase.den
  const shown = (timestamps.at(-1) as number) - (timestamps[0] as number)
  const duration = (shown + tail) * unit
  const rotation = turn(found.rotation)
  const { num, den } = found.sampleAspect
  const stretch = num > 0 && den > 0 ? num / den : 1
  const [wide, high] = [Math.max(1, Math.round(found.width * stretch)), found.height]
  const sideways = rotation === 90 || rotation === 270
  return {
    path,
    container,
    codec: found.codec,
    width: found.width,
    height: found.height,
    displayWidth: sideways ? high : wide,
    displayHeight: sideways ? wide : high,
    rotation,
    pixelFormat: found.pixelFormat,
    hasAlpha: ALPHA.test(found.pixelFormat),
    interlaced: found.interlaced,
    frameRate: rate(found) ?? timestamps.length / duration,
    duration,
    timestamps,
    timing,
    timeBase: found.timeBase,
    keyframes,
  }
}

function refuseTruncated({ path, packets, promisedFrames, promisedDuration, lastedDuration }: Demuxed): void {
  const frames = packets.pts.length
  const byFrames = promisedFrames > 0 && frames < promisedFrames * WHOLE
  const byTime = promisedDuration > 0 && lastedDuration < promisedDuration * WHOLE - 0.5
  if (!byFrames && !byTime) return
  const there = byFrames
    ? `${frames} of ${promisedFrames} frames`
    : `${lastedDuration.toFixed(1)} of ${promisedDuration.toFixed(1)} s`
  throw new StanflowError('MEDIA_TRUNCATED', `${path} is cut off: ${there} are there`)
}

interface FrameTimes {
  readonly timestamps: Float64Array
  readonly keyframes: Uint32Array
  readonly timing: VideoInfo['timing']
  /** How long the last frame is shown, in timestamp units. */
  readonly tail: number
}

/** When frames are shown: packets from the first keyframe on, in display order. */
function frameTimes(found: Demuxed): FrameTimes {
  const { pts, duration, key } = found.packets
  const first = Array.prototype.indexOf.call(key, 1)
  const start = Math.max(0, first)
  const count = pts.length - start
  const unit = found.timeBase.num / found.timeBase.den
  const period = 1 / ((rate(found) ?? 25) * unit)
  const usable = isUsable(pts, start)
  if (!usable) {
    const isKey = Array.from({ length: count }, (_, i) => i).filter((i) => key[start + i] === 1)
    return {
      timestamps: Float64Array.from({ length: count }, (_, i) => Math.round(i * period)),
      keyframes: Uint32Array.from(isKey),
      timing: 'counted',
      tail: period,
    }
  }
  // Frames shown before the first keyframe cannot be decoded.
  const from = pts[start] as number
  const order = Array.from({ length: count }, (_, i) => start + i)
    .filter((i) => (pts[i] as number) >= from)
    .sort((a, b) => (pts[a] as number) - (pts[b] as number))
  const last = duration[order.at(-1) ?? 0] as number
  return {
    timestamps: Float64Array.from(order, (i) => pts[i] as number),
    keyframes: Uint32Array.from(order.flatMap((packet, index) => (key[packet] === 1 ? [index] : []))),
    timing: 'timestamps',
    tail: last > 0 ? last : period,
  }
}

/** Timestamps tell frames apart if every packet has one and no two share it. */
function isUsable(pts: ArrayLike<number>, start: number): boolean {
  const seen = new Set<number>()
  for (let i = start; i < pts.length; i++) {
    const value = pts[i] as number
    if (Number.isNaN(value) || seen.has(value)) return false
    seen.add(value)
  }
  return true
}

function rate({ averageRate: { num, den } }: Demuxed): number | undefined {
  return num > 0 && den > 0 ? num / den : undefined
}

/** To the nearest quarter turn. */
function turn(degrees: number): VideoInfo['rotation'] {
  const quarter = ((Math.round(degrees / 90) % 4) + 4) % 4
  return (quarter * 90) as VideoInfo['rotation']
}
