import { stat } from 'node:fs/promises'
import { shownAt } from '../operators/index.js'
import type { ClipResult, VideoResults } from '../src/connect/files/results.js'
import { isS3 } from '../src/connect/s3/uri.js'
import { asStanflowError } from '../src/errors.js'
import type { DecodedFrame, VideoReader } from '../src/media/reader.js'
import type { Picture, Strip } from '../src/report/model.js'
import { THUMBNAIL_HEIGHT, thumbnail } from '../src/report/thumbnails.js'
import { trusted } from './open-video.js'
import type { Places } from './places.js'
import { timelineOf } from './streams.js'

const MOST_PICTURES = 12

export interface Drawing {
  readonly places: Places
  readonly reader: VideoReader
  readonly signal?: AbortSignal | undefined
  /** Pictures at most. Default 12. */
  readonly most?: number
}

/**
 * Pictures of frames that the model saw, decoded again from the original: all, or `most` spread evenly over them.
 * A file that is gone, changed or unreadable makes no strip but a sentence that says so.
 * @throws the signal's reason once it aborts
 */
export async function makeStrip(
  video: Pick<VideoResults, 'path' | 'bytes'> & { readonly clips: readonly Pick<ClipResult, 'frameTimes'>[] },
  { places, reader, signal, most = MOST_PICTURES }: Drawing,
): Promise<Strip> {
  const missing = (why: string): Strip => ({ kind: 'missing', why })
  if (!isS3(video.path)) {
    const file = await stat(video.path).catch(() => undefined)
    if (file === undefined) return missing('No pictures: the original is no longer where it was.')
    if (file.size !== video.bytes) return missing('No pictures: the original has changed since.')
  }
  const seen = [...new Set(video.clips.flatMap((clip) => clip.frameTimes))].sort((a, b) => a - b)
  try {
    const reached = await places.reach(video)
    const frames = async function* (): AsyncGenerator<DecodedFrame, void, undefined> {
      yield* await openFrames(reached.path, spread(seen, most), reader, signal)
    }
    const pictures: Picture[] = []
    for await (const frame of trusted(frames(), reached, () => reached.close())) {
      pictures.push(await thumbnail(frame))
    }
    return { kind: 'pictures', pictures, sampled: seen.length }
  } catch (error) {
    signal?.throwIfAborted()
    return missing(`No pictures: ${asStanflowError(error).message}`)
  }
}

async function openFrames(
  path: string,
  times: readonly number[],
  reader: VideoReader,
  signal: AbortSignal | undefined,
): Promise<AsyncGenerator<DecodedFrame, void, undefined>> {
  const media = await reader.probe(path, signal)
  const timeline = timelineOf(media)
  return reader.frames({
    video: media,
    indices: [...new Set(times.map((time) => shownAt(timeline.times, time)))],
    geometry: { kind: 'height', height: THUMBNAIL_HEIGHT },
    ...(signal !== undefined && { signal }),
  })
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
