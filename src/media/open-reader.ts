import { StanflowError } from '../errors.js'
import { findFfmpeg } from './ffmpeg/find.js'
import { createFfmpegReader } from './ffmpeg/reader.js'
import type { MediaLimits } from './limits.js'
import { createNodeAvReader } from './node-av/reader.js'
import type { DecodedFrame, FrameRequest, ReaderName, VideoReader } from './reader.js'

export interface ReaderOptions {
  /** Threads of each decoder. */
  readonly threads?: number
  /** What one video may cost. Default: `LIMITS`. */
  readonly limits?: MediaLimits
}

/** Frames further apart than this, on average, are sought one by one rather than decoded through. */
const SPARSE_GAP = 8

/** The reader asked for, and in words which it is and why. @throws StanflowError READER_MISSING */
export async function openReader(
  asked: 'auto' | ReaderName,
  options: ReaderOptions = {},
): Promise<{ reader: VideoReader; why: string }> {
  if (asked === 'node-av') return { reader: createNodeAvReader(options), why: 'node-av, as asked' }
  const programs = await findFfmpeg()
  if (asked === 'ffmpeg') {
    if (programs === undefined) throw new StanflowError('READER_MISSING', 'no ffmpeg and ffprobe were found')
    return { reader: createFfmpegReader(programs, options), why: `ffmpeg ${programs.version}, as asked` }
  }
  const sparse = createNodeAvReader(options)
  if (programs === undefined) return { reader: sparse, why: 'node-av, as no ffmpeg was found' }
  const dense = createFfmpegReader(programs, options)
  return {
    reader: combine(sparse, dense),
    why: `node-av for frames far apart, ffmpeg ${programs.version} for runs of frames`,
  }
}

/** Each reader where it is quicker, and in place of the other where that one crashes or lacks a decoder. */
function combine(sparse: VideoReader, dense: VideoReader): VideoReader {
  let closed = false
  async function* frames(request: FrameRequest): AsyncGenerator<DecodedFrame, void, undefined> {
    const { indices } = request
    const gap = ((indices.at(-1) ?? 0) - (indices[0] ?? 0)) / Math.max(1, indices.length)
    const [first, second] = gap > SPARSE_GAP ? [sparse, dense] : [dense, sparse]
    let given = 0
    try {
      for await (const frame of first.frames(request)) {
        given++
        yield frame
      }
    } catch (error) {
      if (closed || !isReadersFault(error)) throw error
      yield* second.frames({ ...request, indices: indices.slice(given) })
    }
  }
  return {
    name: sparse.name,
    probe: (path, signal) =>
      sparse.probe(path, signal).catch((error: unknown) => {
        if (closed || !isReadersFault(error)) throw error
        return dense.probe(path, signal)
      }),
    frames,
    close: async () => {
      closed = true
      await Promise.all([sparse.close(), dense.close()])
    },
  }
}

const isReadersFault = (error: unknown): boolean =>
  error instanceof StanflowError && (error.code === 'MEDIA_CRASH' || error.code === 'MEDIA_UNSUPPORTED')
