import { isAbsolute, resolve } from 'node:path'
import type { S3Settings } from '../../src/connect/s3/client.js'
import { isS3 } from '../../src/connect/s3/uri.js'
import type { Video } from '../../src/domain.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import { openReader } from '../../src/media/open-reader.js'
import type { VideoReader } from '../../src/media/reader.js'
import type { Strip } from '../../src/report/model.js'
import { renderMoments } from '../../src/report/moments.js'
import { CAMERA } from '../../src/search/filter.js'
import type { FoundMoment } from '../../src/search/moments.js'
import { VERSION } from '../../src/version.js'
import { Places } from '../places.js'
import { writePage } from '../report-page.js'
import { makeStrip } from '../report-strip.js'

export interface MomentsPage {
  readonly asked: string
  readonly narrowed: readonly string[]
  readonly index: string
  readonly model: string
  readonly moments: readonly FoundMoment[]
  /** When a moment is, as people read it. */
  readonly when: (moment: FoundMoment) => string
  /** Sources are relative to this folder or `s3://bucket/prefix`. Default: the working directory. */
  readonly root?: string
  readonly s3?: S3Settings
}

/** Pictures of each moment, evenly over it. */
const PICTURES = 6

/** Writes what was found as one page, with pictures where the videos are within reach. Answers with its size in bytes. */
export async function writeMoments(out: string, page: MomentsPage): Promise<number> {
  const { asked, narrowed, index, model, moments, when, root = '.', s3 } = page
  const places = new Places(s3)
  const opened = await openReader('auto').catch((error: unknown) => asStanflowError(error))
  try {
    const shown = []
    for (const moment of moments) {
      const strip: Strip =
        opened instanceof StanflowError
          ? { kind: 'missing', why: `No pictures: ${opened.message}` }
          : await stripOf(moment, root, places, opened.reader)
      shown.push({ ...moment, when: when(moment), strip })
    }
    const report = { asked, narrowed, index, model, made: new Date(), version: VERSION, moments: shown }
    return await writePage(out, pieces(renderMoments(report)), undefined)
  } finally {
    if (!(opened instanceof StanflowError)) await opened.reader.close()
    await places.close()
  }
}

async function* pieces(text: string): AsyncGenerator<string> {
  yield text
}

async function stripOf(
  { source, start, end }: FoundMoment,
  root: string,
  places: Places,
  reader: VideoReader,
): Promise<Strip> {
  if (source.startsWith(CAMERA)) return { kind: 'missing', why: 'No pictures: a camera keeps none.' }
  const step = (end - start) / PICTURES
  const frameTimes = Array.from({ length: PICTURES }, (_, i) => start + (i + 0.5) * step)
  const clip = { clipId: '', source, clipIndex: 0, start, end, frameTimes, labels: [] }
  for await (const video of places.discover([located(source, root)], {})) {
    if ('error' in video) return { kind: 'missing', why: `No pictures: ${video.error.message}` }
    const { path, bytes } = video satisfies Video
    return makeStrip({ path, bytes, clips: [clip] }, { places, reader })
  }
  return { kind: 'missing', why: 'No pictures: the original is no longer where it was.' }
}

function located(source: string, root: string): string {
  if (isS3(source) || isAbsolute(source)) return source
  return isS3(root) ? `${root.replace(/\/$/, '')}/${source}` : resolve(root, source)
}
