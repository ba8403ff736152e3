import { StanflowError } from '../errors.js'
import { type FrameTimes, frameTimes, type Packets } from './frame-times.js'
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
  /** Whether the display matrix flips the picture as well. */
  readonly mirrored: boolean
  readonly pixelFormat: string
  /** True where transparency travels beside the picture, as with VP8 and VP9 in Matroska. */
  readonly alphaBeside: boolean
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
  /** True where packets marked for discarding, a keyframe among them, come before the first one kept. */
  readonly startsHidden: boolean
  /** Video packets in file order, those marked for discarding left out. */
  readonly packets: Packets
}

/** A file that ends before this part of what its header promises counts as cut off. */
const WHOLE = 0.95
/** Seconds that the streams of a whole file may end apart. */
const SLACK = 0.5
/** Containers whose duration is written down, not guessed from a bit rate. */
const HEADED = /^(mov|matroska|avi|flv|asf)/
const STILL = /(_pipe$|^image2)/
/** Text that libav would draw, and lists of other files. */
const NO_CONTAINER = new Set(['tty', 'hls', 'dash', 'concat', 'concatf', 'imf', 'sdp'])
const ALPHA = /^(yuva|gbrap|rgba|argb|abgr|bgra|ya|ayuv|vuya|pal8)/

/**
 * A demuxed file as a video, or what keeps it from being one.
 * @throws StanflowError MEDIA_STILL_IMAGE, MEDIA_NOT_VIDEO, MEDIA_TRUNCATED, MEDIA_TOO_SHORT, MEDIA_DECODE
 */
export function judge(found: Demuxed): VideoInfo {
  const { path, container } = found
  refuseOther(found)
  refuseTruncated(found)
  const times = frameTimes(found.packets, found)
  const count = times.timestamps.length
  if (count < 2) {
    throw new StanflowError(
      'MEDIA_TOO_SHORT',
      `${path} has ${count === 1 ? 'a single frame' : 'no frame that can be decoded'}`,
    )
  }
  if (!(found.width > 0 && found.height > 0)) {
    throw new StanflowError('MEDIA_DECODE', `${path} does not say how large its pictures are`)
  }
  const duration = durationOf(found, times)
  const { num, den } = found.averageRate
  return {
    path,
    container,
    codec: found.codec,
    ...sizes(found),
    pixelFormat: found.pixelFormat,
    hasAlpha: found.alphaBeside || ALPHA.test(found.pixelFormat),
    mirrored: found.mirrored,
    interlaced: found.interlaced,
    frameRate: num > 0 && den > 0 ? num / den : count / duration,
    duration,
    timestamps: times.timestamps,
    timing: times.timing,
    timeBase: found.timeBase,
    keyframes: times.keyframes,
  }
}

function refuseOther({ path, container }: Demuxed): void {
  const names = container.split(',')
  if (names.some((name) => STILL.test(name))) {
    throw new StanflowError('MEDIA_STILL_IMAGE', `${path} is a still image`)
  }
  if (names.some((name) => NO_CONTAINER.has(name))) {
    throw new StanflowError('MEDIA_NOT_VIDEO', `${path} is text, not a video`)
  }
}

function refuseTruncated(found: Demuxed): void {
  const { path, container, packets, promisedFrames, promisedDuration, lastedDuration } = found
  if (!HEADED.test(container) || lastedDuration >= promisedDuration * WHOLE) return
  // Edit lists hide frames that the header counts, and late starts shorten what lasts: only both together tell.
  const cut =
    promisedFrames > 0
      ? packets.pts.length < promisedFrames * WHOLE
      : promisedDuration - lastedDuration > SLACK
  if (!cut) return
  throw new StanflowError(
    'MEDIA_TRUNCATED',
    `${path} is cut off: ${lastedDuration.toFixed(1)} of ${promisedDuration.toFixed(1)} s are there`,
  )
}

/** Seconds from the first frame shown to the end of the last. */
function durationOf({ timeBase }: Demuxed, { timestamps, tail }: FrameTimes): number {
  const span = (timestamps.at(-1) ?? 0) - (timestamps[0] ?? 0)
  return ((span + tail) * timeBase.num) / timeBase.den
}

function sizes({
  width,
  height,
  sampleAspect: { num, den },
  rotation: degrees,
}: Demuxed): Pick<VideoInfo, 'width' | 'height' | 'displayWidth' | 'displayHeight' | 'rotation'> {
  const rotation = quarterTurn(degrees)
  const wide = num > 0 && den > 0 ? Math.max(1, Math.round((width * num) / den)) : width
  const sideways = rotation === 90 || rotation === 270
  const [displayWidth, displayHeight] = sideways ? [height, wide] : [wide, height]
  return { width, height, displayWidth, displayHeight, rotation }
}

/** To the nearest quarter turn. */
function quarterTurn(degrees: number): VideoInfo['rotation'] {
  const quarter = ((Math.round(degrees / 90) % 4) + 4) % 4
  return ([0, 90, 180, 270] as const)[quarter] ?? 0
}
