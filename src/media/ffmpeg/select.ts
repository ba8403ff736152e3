import { deinterlaceFilter, fitFilter } from '../filters.js'
import type { FrameRequest, VideoInfo } from '../reader.js'
import { pattern } from './pattern.js'

/** Beyond so many frames an expression that names each is slow, and too long for a command line. */
const NAMED = 64
/** Every so many decoded frames one is let through, wanted or not, to show that decoding goes on. */
const SIGN_OF_LIFE = 250

/** The filter chain of one ffmpeg: choose frames, say which they are, fit them. */
export function filterChain({ video, indices, geometry }: FrameRequest): string {
  return [
    ...(video.interlaced ? [deinterlaceFilter(video)] : []),
    // Frames without timestamps are told apart by counting, so their number becomes their timestamp.
    ...(video.timing === 'counted' ? ['setpts=N'] : []),
    // Quotes keep commas and parentheses from being read as structure.
    `select='${selectExpression(video, indices)}+not(mod(n,${SIGN_OF_LIFE}))'`,
    'showinfo=checksum=0',
    fitFilter(video, geometry),
  ].join(',')
}

/** What ffmpeg stamps a frame with. */
export function stampOf({ timing, timestamps }: VideoInfo, index: number): number {
  return timing === 'counted' ? index : (timestamps[index] ?? Number.NaN)
}

/**
 * Which decoded frames go on: all that are wanted, perhaps some more. What they are is told by their timestamps
 * afterwards, so an expression that lets too many through costs time, not correctness.
 */
export function selectExpression(video: VideoInfo, indices: FrameRequest['indices']): string {
  const stamps = Float64Array.from(indices, (index) => stampOf(video, index))
  if (stamps.length <= NAMED) {
    // ffmpeg writes a frame once the next one is let through: the one behind the last wanted sets it free.
    const behind = Math.min((indices.at(-1) ?? 0) + 1, video.timestamps.length - 1)
    return [...stamps, stampOf(video, behind)].map((stamp) => `eq(pts,${stamp})`).join('+')
  }
  const { timestamps } = video
  const span = (timestamps.at(-1) ?? 0) - (timestamps[0] ?? 0)
  return pattern(stamps, video.timing === 'counted' ? 1 : span / (timestamps.length - 1)) ?? '1'
}
