import { type OperatorFunction, pipe } from 'rxjs'
import {
  batch,
  type Encoded,
  encodeVideo,
  type FramePool,
  type LabelSet,
  label,
  type WithFrames,
} from '../operators/index.js'
import type { Clip, LabelledEmbedding } from '../src/domain.js'
import type { LoadedModel, VideoVectors } from '../src/engine/engine.js'

export interface Embedding {
  readonly model: LoadedModel
  readonly labels: LabelSet | undefined
  readonly pool: FramePool
  /** Clips in one run of the model. */
  readonly size: number
  /** Milliseconds after which a batch that is not full goes all the same. */
  readonly deadline: number
  /** Keep the vectors of their frames too. */
  readonly keepFrames?: boolean
  readonly onBatch?: (clips: number, milliseconds: number) => void
}

/** Clips, wherever they come from → batches of labelled embeddings, in order. */
export function embedClips({
  model,
  labels,
  pool,
  size,
  deadline,
  keepFrames = false,
  onBatch,
}: Embedding): OperatorFunction<Clip, readonly Encoded<LabelledEmbedding>[]> {
  let running = 0
  const encode = async (clips: readonly Clip[]): Promise<readonly (Float32Array | WithFrames)[]> => {
    const begun = performance.now()
    running++
    try {
      const vectors = keepFrames
        ? (await model.encodeClips(clips)).map(withFrames)
        : await model.encodeVideo(clips)
      onBatch?.(clips.length, performance.now() - begun)
      return vectors
    } finally {
      running--
    }
  }
  return pipe(
    batch({ size, deadline, busy: () => running > 0 }),
    encodeVideo({ modelDigest: model.info.digest, encode }, pool),
    label(labels),
  )
}

const withFrames = ({ video, frames, weights }: VideoVectors): WithFrames => ({
  vector: video,
  frames: { vectors: frames, ...(weights !== undefined && { weights }) },
})
