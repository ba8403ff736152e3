import type { OpenVideo } from '../operators/index.js'
import { type FramePool, planClips } from '../operators/index.js'
import type { ClipPlan, Sampling, Video } from '../src/domain.js'
import type { DecodedFrame, VideoReader } from '../src/media/reader.js'
import type { Places, Reachable } from './places.js'
import { drop, framesOf, timelineOf, until } from './streams.js'

export interface Opening {
  readonly places: Places
  readonly reader: VideoReader
  readonly pool: FramePool
  readonly sampling: Sampling
  /** Pixels of a side of what the model sees. */
  readonly side: number
  /** Aborting ends the decoding after the frame at hand. */
  readonly signal: AbortSignal
  /** Bytes that a video cost on the network, when it is let go. */
  readonly onFetched?: (bytes: number) => void
}

/** Makes a video ready to be decoded: which clips it has, those after the first `stored` ones, and their frames. */
export async function openVideo(video: Video, stored: number, opening: Opening): Promise<OpenVideo> {
  const { places, reader, pool, sampling, side, signal, onFetched } = opening
  const reached = await places.reach(video)
  const leave = (): void => {
    onFetched?.(reached.fetched)
    reached.close()
  }
  try {
    const media = await reader.probe(reached.path, signal)
    const timeline = timelineOf(media)
    const plan = (): Generator<ClipPlan> => drop(planClips(timeline, sampling), stored)
    const frames = reader.frames({
      video: media,
      indices: framesOf(plan(), media.timestamps.length),
      geometry: { kind: 'crop', size: side },
      allocate: (bytes) => pool.allocate(bytes),
    })
    return { plans: plan(), frames: until(signal, trusted(frames, reached, leave)) }
  } catch (error) {
    leave()
    throw reached.explain(error)
  }
}

/** Frames as long as every byte that was asked for came. */
export async function* trusted(
  frames: AsyncIterable<DecodedFrame>,
  reached: Reachable,
  leave: () => void,
): AsyncGenerator<DecodedFrame, void, undefined> {
  try {
    for await (const frame of frames) {
      reached.check()
      yield frame
    }
    reached.check()
  } catch (error) {
    throw reached.explain(error)
  } finally {
    leave()
  }
}
