import { stat } from 'node:fs/promises'
import { shownAt } from '../operators/index.js'
import type { VideoResults } from '../src/connect/files/results.js'
import { asStanflowError } from '../src/errors.js'
import type { VideoReader } from '../src/media/reader.js'
import type { Picture, Strip } from '../src/report/model.js'
import { THUMBNAIL_HEIGHT, thumbnail } from '../src/report/thumbnails.js'
import { timelineOf } from './streams.js'

const MOST_PICTURES = 12

/**
 * Pictures of frames that the model saw, decoded again from the original: all, or twelve spread evenly over them.
 * A file that is gone, changed or unreadable makes no strip but a sentence that says so.
 * @throws the signal's reason once it aborts
 */
export async function makeStrip(
  video: Pick<VideoResults, 'path' | 'bytes' | 'clips'>,
  reader: VideoReader,
  signal?: AbortSignal,
): Promise<Strip> {
  const missing = (why: string): Strip => ({ kind: 'missing', why })
  const file = await stat(video.path).catch(() => undefined)
  if (file === undefined) return missing('No pictures: the original is no longer where it was.')
  if (file.size !== video.bytes) return missing('No pictures: the original has changed since.')
  const seen = [...new Set(video.clips.flatMap((clip) => clip.frameTimes))].sort((a, b) => a - b)
  try {
    const pictures = await decodePictures(video.path, spread(seen, MOST_PICTURES), reader, signal)
    return { kind: 'pictures', pictures, sampled: seen.length }
  } catch (error) {
    signal?.throwIfAborted()
    return missing(`No pictures: ${asStanflowError(error).message}`)
  }
}

async function decodePictures(
  path: string,
  times: readonly number[],
  reader: VideoReader,
  signal: AbortSignal | undefined,
): Promise<Picture[]> {
  const media = await reader.probe(path, signal)
  const timeline = timelineOf(media)
  const frames = reader.frames({
    video: media,
    indices: [...new Set(times.map((time) => shownAt(timeline.times, time)))],
    geometry: { kind: 'height', height: THUMBNAIL_HEIGHT },
    ...(signal !== undefined && { signal }),
  })
  const pictures: Picture[] = []
  for await (const frame of frames) pictures.push(await thumbnail(frame))
  return pictures
}

/** At most `most` of ascending times: those nearest to that many points evenly apart. */
export function spread(times: readonly number[], most: number): number[] {
  const [first, last] = [times[0], times.at(-1)]
  if (times.length <= most || first === undefined || last === undefined) return [...times]
  const points = Array.from({ length: most }, (_, i) => first + ((i + 0.5) / most) * (last - first))
  const nearest = (point: number) =>
    times.reduce((best, time) => (Math.abs(time - point) < Math.abs(best - point) ? time : best))
  return [...new Set(points.map(nearest))]
}
