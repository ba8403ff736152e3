import { StanflowError } from '../errors.js'
import type { VideoInfo } from './reader.js'

/** What one video may cost at most. Files come from anywhere: a few hundred bytes can promise years, or gigabytes of pixels. */
export interface MediaLimits {
  /** Seconds from the first frame to the last. */
  readonly duration: number
  /** Pixels of one picture. */
  readonly pixels: number
  /** Bytes of the file. */
  readonly bytes: number
  /** Processor seconds that a decoder may take for each second of video, beside `FREE_SECONDS`. */
  readonly cpu: number
  /** Bytes of memory of one decoder. */
  readonly memory: number
}

/** Two days of video (a recording of one day is seldom exactly that long), 8K pictures, and twice what one of the dearest codecs takes for those. */
export const LIMITS: MediaLimits = {
  duration: 2 * 86_400,
  pixels: 36_000_000,
  bytes: 256e9,
  cpu: 20,
  memory: 4e9,
}

/** Processor seconds that any video may take. */
export const FREE_SECONDS = 60
/** Processor seconds for one pass over a video's packets. */
export const PROBE_SECONDS = 900
/** A picture that is so many times as long as wide would be scaled to millions of pixels. */
export const MOST_LENGTH = 64
/** Bytes that libav may ask for in one piece: tables of an MP4 promise any number of samples. */
export const PIECE_BYTES = 512 * 2 ** 20

/** Processor seconds that a decoder of this video may take. */
export function cpuSeconds({ duration }: Pick<VideoInfo, 'duration'>, limits: MediaLimits): number {
  return Math.ceil(FREE_SECONDS + limits.cpu * Math.min(duration, limits.duration))
}

/** @throws StanflowError MEDIA_TOO_LARGE */
export function checkBytes(name: string, bytes: number, limits: MediaLimits): void {
  if (bytes <= limits.bytes) return
  throw new StanflowError(
    'MEDIA_TOO_LARGE',
    `${name} is ${(bytes / 1e9).toFixed(1)} GB; a video may be ${(limits.bytes / 1e9).toFixed(1)} GB`,
    { hint: 'Allow more with --max-bytes, if it is to be trusted.' },
  )
}

/** @throws StanflowError MEDIA_TOO_LARGE */
export function checkPixels(
  name: string,
  { width, height }: Pick<VideoInfo, 'width' | 'height'>,
  limits: MediaLimits,
): void {
  if (width * height <= limits.pixels) return
  throw new StanflowError(
    'MEDIA_TOO_LARGE',
    `${name}: pictures of ${width}×${height} are ${((width * height) / 1e6).toFixed(1)} million pixels; ` +
      `they may be ${(limits.pixels / 1e6).toFixed(1)} million`,
    { hint: 'Allow more with --max-pixels, if it is to be trusted.' },
  )
}

/** What a probe found, if it is within the limits. @throws StanflowError MEDIA_TOO_LARGE, MEDIA_TOO_LONG */
export function withinLimits(video: VideoInfo, limits: MediaLimits): VideoInfo {
  const { path, displayWidth: wide, displayHeight: high, duration } = video
  checkPixels(path, video, limits)
  if (Math.max(wide, high) > MOST_LENGTH * Math.min(wide, high)) {
    throw new StanflowError('MEDIA_TOO_LARGE', `${path}: pictures shown at ${wide}×${high} are no picture`, {
      hint: `One side may be ${MOST_LENGTH} times the other; check size and pixel aspect ratio.`,
    })
  }
  if (!(duration <= limits.duration)) {
    throw new StanflowError(
      'MEDIA_TOO_LONG',
      `${path} says that it lasts ${(duration / 3600).toFixed(1)} h; a video may last ${(limits.duration / 3600).toFixed(1)} h`,
    )
  }
  return video
}

/** @throws StanflowError MEDIA_TOO_COSTLY, always */
export function tooCostly(name: string, seconds: number): StanflowError {
  return new StanflowError('MEDIA_TOO_COSTLY', `${name} took its decoder more than ${seconds} s of processor`)
}

/**
 * A program under the system's own limits, which hold whatever libraries do: memory, and where given processor seconds.
 * Where there is no such shell (Windows), the program alone.
 */
export function limited(
  program: string,
  { memory, cpu }: { readonly memory?: number; readonly cpu?: number },
): { readonly program: string; readonly args: readonly string[] } {
  if (process.platform === 'win32') return { program, args: [] }
  const set = [
    ...(memory === undefined ? [] : [`ulimit -d ${Math.ceil(memory / 1024)} 2> /dev/null`]),
    ...(cpu === undefined ? [] : [`ulimit -t ${Math.ceil(cpu)} 2> /dev/null`]),
    'exec "$0" "$@"',
  ]
  return { program: '/bin/sh', args: ['-c', set.join('; '), program] }
}
