import { createHash } from 'node:crypto'
import type { OutgoingRecord } from '../../src/connect/kafka/client.js'
import type { EmbeddingRecord, LabelsRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'

export const DIM = 32
export const MODEL = createHash('sha256').update('a model').digest('hex')
export const OTHER_MODEL = createHash('sha256').update('another model').digest('hex')

/** A unit vector that depends on `seed` alone. */
export function unitVector(seed: number, dim = DIM): Float32Array {
  const values = Float32Array.from(
    { length: dim },
    (_, i) => (Math.sin(seed * 12.9898 + i * 78.233) * 43758.5453) % 1,
  )
  const norm = Math.hypot(...values)
  return values.map((value) => value / norm)
}

export const clipId = (n: number, model = MODEL): string =>
  createHash('sha256').update(`${model} ${n}`).digest('hex').slice(0, 32)

/** Clip `n` of one of ten cameras, 2 s each. */
function moment(n: number, model: string) {
  const at = 1_800_000_000 + 2 * Math.floor(n / 10)
  return {
    ...{ clip_id: clipId(n, model), source: `camera:${n % 10}`, clip_index: Math.floor(n / 10) },
    ...{ start: at, end: at + 2, model_digest: model, sampling: 'window-4-2s-2s' },
  }
}

export function embeddingRecord(n: number, model = MODEL): EmbeddingRecord {
  const vector = Buffer.from(unitVector(n).buffer)
  const own = moment(n, model)
  return { ...own, frame_times: [own.start, own.start + 1], dim: DIM, vector }
}

export function labelsRecord(n: number, set = 'a set', model = MODEL): LabelsRecord {
  const labels = [
    { label: n % 3 === 0 ? 'a cat' : 'a dog', score: 0.9, similarity: 0.3 },
    { label: n % 3 === 0 ? 'a dog' : 'a cat', score: 0.1, similarity: 0.2 },
  ]
  return { ...moment(n, model), label_set: set, labels }
}

export async function outgoing(
  prefix: string,
  records: readonly ({ readonly clip: EmbeddingRecord } | { readonly labels: LabelsRecord })[],
): Promise<OutgoingRecord[]> {
  const wire = new Wire({ prefix })
  return Promise.all(
    records.map(async (record) => {
      const [name, value] =
        'clip' in record
          ? (['embeddings', await wire.encode('embedding', record.clip)] as const)
          : (['labels', await wire.encode('label', record.labels)] as const)
      const { source: key, clip_id: id } = 'clip' in record ? record.clip : record.labels
      return { topic: topicName(prefix, name), key, value, headers: { ce_id: id } }
    }),
  )
}
