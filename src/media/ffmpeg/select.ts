import { deinterlaceFilter, fitFilter } from '../filters.js'
import type { FrameRequest, VideoInfo } from '../reader.js'

/** Beyond so many frames an expression that names each is slow, and too long for a command line. */
const NAMED = 64

/** The filter chain of one ffmpeg: choose frames, say which they are, fit them. */
export function filterChain({ video, indices, geometry }: FrameRequest): string {
  return [
    ...(video.interlaced ? [deinterlaceFilter(video)] : []),
    `select=${quote(selectExpression(video, indices))}`,
    'showinfo=checksum=0',
    fitFilter(video, geometry),
  ].join(',')
}

/**
 * Which decoded frames go on: all that are wanted, perhaps some more. What they are is told by their timestamps
 * afterwards, so an expression that lets too many through costs time, not correctness.
 */
export function selectExpression(video: VideoInfo, indices: readonly number[]): string {
  if (video.timing === 'counted')
    return indices.length <= NAMED ? indices.map((index) => `eq(n,${index})`).join('+') : '1'
  const at = (index: number): number => video.timestamps[index] as number
  if (indices.length <= NAMED) return indices.map((index) => `eq(pts,${at(index)})`).join('+')
  return sparse(video, indices) ?? '1'
}

/** Wanted frames that come at a steady period: those near a multiple of it. Undefined where there is no such period. */
function sparse(video: VideoInfo, indices: readonly number[]): string | undefined {
  const times = indices.map((index) => video.timestamps[index] as number)
  const start = times[0] as number
  const period = ((times.at(-1) as number) - start) / (times.length - 1)
  const typical =
    ((video.timestamps.at(-1) as number) - (video.timestamps[0] as number)) / (video.timestamps.length - 1)
  if (!(period > 2 * typical)) return undefined
  let [early, late] = [0, 0]
  for (const [i, time] of times.entries()) {
    const offset = time - (start + i * period)
    early = Math.min(early, offset)
    late = Math.max(late, offset)
  }
  const width = late - early + typical / 2
  // Not steady enough to leave out much.
  if (width > period / 2) return undefined
  const from = start + early - typical / 4
  return `lte(mod(pts-(${from}),${period}),${width})`
}

/** For a filter argument: quotes keep commas and parentheses from being read as structure. */
const quote = (expression: string): string => `'${expression}'`
