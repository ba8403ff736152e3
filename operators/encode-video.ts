import { concatMap, type OperatorFunction } from 'rxjs'
import type { Clip, Embedding, FrameVectors, Video } from '../src/domain.js'
import type { FramePool } from './frame-pool.js'

/** A model as operators see it. */
export interface VideoEncoder {
  readonly modelDigest: string
  /** `[dim]` unit vectors, one a clip, perhaps with their frames'. The pixels are read before the call returns. */
  encode(clips: readonly Clip[]): Promise<readonly (Float32Array | WithFrames)[]>
}

/** A clip's vector and those of its frames. */
export interface WithFrames {
  readonly vector: Float32Array
  readonly frames: FrameVectors
}

/** An embedding, still with the video it came from. */
export interface Encoded<E extends Embedding = Embedding> {
  readonly video: Video
  readonly embedding: E
}

/** Batches of clips → their embeddings, in order. Pixels go back to the pool as soon as the model has them. */
export function encodeVideo(
  encoder: VideoEncoder,
  pool: FramePool,
): OperatorFunction<readonly Clip[], readonly Encoded[]> {
  return concatMap(async (clips) => {
    const running = encoder.encode(clips)
    const moments = clips.map(({ id, video, index, start, end, frames }) => ({
      clipId: id,
      source: video.source,
      clipIndex: index,
      start,
      end,
      frameTimes: frames.map(({ time }) => time),
    }))
    for (const { frames } of clips) for (const { pixels } of frames) pool.release(pixels)
    const vectors = await running
    return clips.map(({ video }, n) => {
      const moment = moments[n] as (typeof moments)[number]
      const made = vectors[n] as Float32Array | WithFrames
      const own = made instanceof Float32Array ? { vector: made } : made
      return { video, embedding: { ...moment, modelDigest: encoder.modelDigest, ...own } }
    })
  })
}
