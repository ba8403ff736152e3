import { FramePool } from '../operators/index.js'
import { asStanflowError, StanflowError } from '../src/errors.js'
import { openReader } from '../src/media/open-reader.js'
import type { ReaderName, VideoReader } from '../src/media/reader.js'
import { openVideo } from './open-video.js'
import { Places } from './places.js'

export interface SampleVideosOptions {
  readonly inputs: readonly string[]
  readonly places: Places
  readonly reader: VideoReader
  /** Frames in a clip, spread over the whole video. */
  readonly frames: number
  /** Pixels of a side of what the model sees. */
  readonly side: number
  readonly signal: AbortSignal
  /** A video that cannot be read is passed over. */
  readonly onFailure: (source: string, error: StanflowError) => void
}

/** One clip of a video, for measuring: its pixels are the receiver's. */
export interface SampledVideo {
  readonly source: string
  readonly frames: readonly { readonly pixels: Uint8Array }[]
}

/** One clip of each video, in the order of the inputs, decoded as it is pulled. */
export async function* sampleVideos(options: SampleVideosOptions): AsyncGenerator<SampledVideo> {
  const { inputs, places, reader, frames: count, side, signal, onFailure } = options
  const sampling = { kind: 'uniform', frames: count } as const
  for await (const video of places.discover(inputs, { signal })) {
    if ('error' in video) {
      onFailure(video.source, video.error)
      continue
    }
    try {
      const opening = { places, reader, sampling, side, signal, pool: new FramePool() }
      const { plans, frames } = await openVideo(video, 0, opening)
      const decoded = new Map<number, { readonly pixels: Uint8Array }>()
      for await (const frame of frames) decoded.set(frame.index, frame)
      if (signal.aborted) return
      for (const { frameIndices } of plans) {
        yield {
          source: video.source,
          frames: frameIndices.flatMap((index) => decoded.get(index) ?? []),
        }
      }
    } catch (error) {
      onFailure(video.source, asStanflowError(error))
    }
  }
}

export interface GatherOptions extends Pick<SampleVideosOptions, 'inputs' | 'frames' | 'side' | 'signal'> {
  readonly reader: 'auto' | ReaderName
  /** Clips to stop at. */
  readonly most: number
  /** What happens, in words. */
  readonly onStep: ((step: string) => void) | undefined
  /** So many clips are there now. */
  readonly onClip?: (clips: number) => void
}

/** One clip of each of the first `most` videos, all in memory. @throws StanflowError INPUT_NONE where none can be read */
export async function gatherVideos(options: GatherOptions): Promise<readonly SampledVideo[]> {
  const { most, onStep, onClip, reader: wish, ...sampling } = options
  const { reader } = await openReader(wish)
  const places = new Places()
  const clips: SampledVideo[] = []
  try {
    const onFailure = (source: string, { message }: StanflowError): void =>
      onStep?.(`${source} is passed over: ${message}`)
    for await (const clip of sampleVideos({ ...sampling, places, reader, onFailure })) {
      clips.push(clip)
      onClip?.(clips.length)
      if (clips.length >= most) break
    }
  } finally {
    await reader.close()
    await places.close()
  }
  options.signal.throwIfAborted()
  if (clips.length === 0)
    throw new StanflowError('INPUT_NONE', 'No video could be read to measure the model on.')
  return clips
}
