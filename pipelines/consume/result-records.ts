import type { OutgoingRecord } from '../../src/connect/kafka/client.js'
import { headersOf } from '../../src/connect/kafka/envelope.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { Wire } from '../../src/connect/kafka/wire.js'
import type { LabelledEmbedding } from '../../src/domain.js'
import type { TraceContext } from '../../src/telemetry/trace.js'

export interface ResultContext {
  readonly wire: Wire
  readonly prefix: string
  readonly group: string
  /** Digest of the label set; absent where nothing is labelled. */
  readonly labelSet: string | undefined
}

/** A clip's results as records: its embedding, and its labels where there is a label set. */
export async function resultRecords(
  { clipId, source, clipIndex, start, end, frameTimes, modelDigest, vector, labels }: LabelledEmbedding,
  /** As `samplingSlug` writes it. */
  sampling: string,
  trace: TraceContext,
  { wire, prefix, group, labelSet }: ResultContext,
): Promise<readonly OutgoingRecord[]> {
  const result = {
    ...{ clip_id: clipId, source, clip_index: clipIndex, start, end },
    ...{ model_digest: modelDigest, sampling },
  }
  const envelope = (id: string, type: string) =>
    headersOf({
      ...{ id, type, source: `stanflow/${group}`, contentType: wire.contentType, time: new Date() },
      ...trace,
    })
  const embedding = await wire.encode('embedding', {
    ...result,
    frame_times: frameTimes,
    dim: vector.length,
    vector: Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength),
  })
  const records: OutgoingRecord[] = [
    {
      topic: topicName(prefix, 'embeddings'),
      key: source,
      value: embedding,
      headers: envelope(clipId, 'stanflow.embedding.v1'),
    },
  ]
  if (labelSet !== undefined) {
    records.push({
      topic: topicName(prefix, 'labels'),
      key: source,
      value: await wire.encode('label', { ...result, label_set: labelSet, labels }),
      headers: envelope(`${clipId}-${labelSet.slice(0, 12)}`, 'stanflow.labels.v1'),
    })
  }
  return records
}
