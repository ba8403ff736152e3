import { samplingSlug } from '../../src/connect/files/layout.js'
import { eventRecord } from '../../src/connect/kafka/event-record.js'
import type { LiveSink } from './sink.js'

/** One JSON object a line, told apart by `type`, with the names that records of topics have. */
export function linesSink(onLine: (line: string) => void): LiveSink {
  return {
    async results(results) {
      for (const { sampling, embedding } of results) {
        const { clipId, source, clipIndex, start, end, modelDigest, labels } = embedding
        const line = {
          ...{ type: 'clip', source, start, end, labels, clip_id: clipId, clip_index: clipIndex },
          ...{ sampling: samplingSlug(sampling), model_digest: modelDigest },
        }
        onLine(JSON.stringify(line))
      }
    },
    async events(events) {
      for (const event of events) onLine(JSON.stringify({ type: 'event', ...eventRecord(event) }))
    },
    close: async () => undefined,
  }
}
