import { concatMap, type OperatorFunction } from 'rxjs'
import type { LabelledEmbedding, Video } from '../src/domain.js'
import type { Budget } from './budget.js'
import type { Encoded } from './encode-video.js'

/** A sink as operators see it: idempotent on clip ids, and slow when it must be. */
export interface ClipSink {
  write(video: Video, results: readonly LabelledEmbedding[]): Promise<void>
}

/** Batches of results → the same, once the sink has taken them; only then is their room in the budget given back. */
export function store(
  sink: ClipSink,
  budget: Budget,
): OperatorFunction<readonly Encoded<LabelledEmbedding>[], readonly Encoded<LabelledEmbedding>[]> {
  return concatMap(async (batch) => {
    for (const [video, results] of byVideo(batch)) await sink.write(video, results)
    budget.give(batch.length)
    return batch
  })
}

function byVideo(batch: readonly Encoded<LabelledEmbedding>[]): Map<Video, LabelledEmbedding[]> {
  const groups = new Map<Video, LabelledEmbedding[]>()
  for (const { video, embedding } of batch) {
    const group = groups.get(video)
    if (group === undefined) groups.set(video, [embedding])
    else group.push(embedding)
  }
  return groups
}
