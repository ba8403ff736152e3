import type { OpenVideo } from '../operators/index.js'
import { type FramePool, planClips } from '../operators/index.js'
import type { ClipPlan, Sampling, Video } from '../src/domain.js'
import { asStanflowError } from '../src/errors.js'
import { checkBytes, LIMITS, type MediaLimits } from '../src/media/limits.js'
import type { DecodedFrame, VideoReader } from '../src/media/reader.js'
import { type Again, persist } from '../src/persist.js'
import type { Places, Reachable } from './places.js'
import { drop, framesOf, timelineOf, until } from './streams.js'

export interface Opening {
  readonly places: Places
  readonly reader: VideoReader
  readonly pool: FramePool
  readonly sampling: Sampling
  /** Pixels of a side of what the model sees. */
  readonly side: number
  /** Default: `LIMITS`. */
  readonly limits?: MediaLimits
  /** Aborting ends the decoding after the frame at hand. */
  readonly signal: AbortSignal
  /** Bytes that a video cost on the network, whenever it is let go. */
  readonly onFetched?: (bytes: number) => void
  /** Decides on what went wrong; default: nothing is tried again. */
  readonly again?: Again
}

/** As options of a reader, or of opening a video. */
export const limitsGiven = ({ limits }: { readonly limits?: MediaLimits }): { limits?: MediaLimits } =>
  limits === undefined ? {} : { limits }

/** Makes a video ready to be decoded: which clips it has, those after the first `stored` ones, and their frames. */
export async function openVideo(video: Video, stored: number, opening: Opening): Promise<OpenVideo> {
  const { places, reader, pool, sampling, side, signal, onFetched, again = async () => false } = opening
  checkBytes(video.path, video.bytes, opening.limits ?? LIMITS)
  const reach = async (): Promise<{ readonly reached: Reachable; readonly leave: () => void }> => {
    const reached = await places.reach(video)
    const leave = (): void => {
      onFetched?.(reached.fetched)
      reached.close()
    }
    return { reached, leave }
  }
  const probed = await persist(async () => {
    const { reached, leave } = await reach()
    try {
      return { reached, leave, media: await reader.probe(reached.path, signal) }
    } catch (error) {
      leave()
      throw reached.explain(error)
    }
  }, again)
  const { media } = probed
  let first: typeof probed | undefined = probed
  try {
    const timeline = timelineOf(media)
    const plan = (): Generator<ClipPlan> => drop(planClips(timeline, sampling), stored)
    const indices = framesOf(plan(), media.timestamps.length)
    /** Those after the frame of this index, of the video as it was probed, or reached anew. */
    const frames = async (after: number): Promise<AsyncIterable<DecodedFrame>> => {
      const { reached, leave } = first ?? (await reach())
      first = undefined
      const request = {
        ...{ video: { ...media, path: reached.path }, indices: indices.filter((index) => index > after) },
        geometry: { kind: 'crop', size: side } as const,
        allocate: (bytes: number) => pool.allocate(bytes),
      }
      return trusted(reader.frames(request), reached, leave)
    }
    return { plans: plan(), frames: until(signal, goingOn(frames, again)) }
  } catch (error) {
    probed.leave()
    throw probed.reached.explain(error)
  }
}

/** Frames, from the one after the last where they broke off and are tried again. */
async function* goingOn(
  from: (after: number) => Promise<AsyncIterable<DecodedFrame>>,
  again: Again,
): AsyncGenerator<DecodedFrame, void, undefined> {
  let after = -1
  for (let tries = 0; ; tries++) {
    try {
      for await (const frame of await from(after)) {
        yield frame
        ;[after, tries] = [frame.index, 0]
      }
      return
    } catch (thrown) {
      const error = asStanflowError(thrown)
      if (!(await again(error, tries))) throw error
    }
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
