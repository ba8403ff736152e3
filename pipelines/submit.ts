import { createHash } from 'node:crypto'
import type { BadInput } from '../src/connect/files/discover/inspect.js'
import type { OutgoingRecord } from '../src/connect/kafka/client.js'
import { headersOf } from '../src/connect/kafka/envelope.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { readTopics } from '../src/connect/kafka/read-topic.js'
import type { SampleRecord, VideoRecord } from '../src/connect/kafka/records.js'
import { topicName } from '../src/connect/kafka/topics.js'
import { Wire } from '../src/connect/kafka/wire.js'
import type { S3Settings } from '../src/connect/s3/client.js'
import type { Sampling, Video } from '../src/domain.js'
import { beginSpan } from '../src/telemetry/trace.js'
import { type KafkaOptions, requireTopics } from './kafka.js'
import { Places } from './places.js'
import { isSelected, type Selection } from './selection.js'

export interface SubmitOptions extends KafkaOptions {
  /** Files, folders, globs, `.txt` and `.jsonl` lists, `s3://` URIs. */
  readonly inputs: readonly string[]
  /** Sources are named relative to this; without it, by their absolute paths or URIs. */
  readonly root?: string
  /** How clips are to be cut; absent: as the consumers are set. */
  readonly sampling?: Sampling
  readonly s3?: S3Settings
  readonly selection?: Selection
  readonly maxVideos?: number
  /** Submit what was submitted before, too: its results will come twice. */
  readonly again: boolean
  readonly dryRun: boolean
}

export interface SubmitSummary {
  readonly found: number
  readonly submitted: number
  /** Submitted before, and unchanged since. */
  readonly skipped: number
  readonly failed: readonly { readonly source: string; readonly code: string; readonly message: string }[]
}

export interface SubmitHooks {
  readonly signal?: AbortSignal
  readonly onSubmitted?: (video: Pick<VideoRecord, 'source' | 'uri' | 'request_id'>) => void
  readonly onFailed?: (input: BadInput) => void
}

const AT_ONCE = 500

/** Videos → the topic that consumers take them from. What is in it already, unchanged, is not asked for again. */
export async function submit(options: SubmitOptions, hooks: SubmitHooks = {}): Promise<SubmitSummary> {
  const { kafka, prefix, registry, inputs, root, selection = {}, again, dryRun } = options
  const { maxVideos = Number.POSITIVE_INFINITY } = options
  const signal = hooks.signal ?? new AbortController().signal
  const client = await openKafka(kafka)
  const places = new Places(options.s3)
  try {
    const admin = await client.admin()
    const [topic = ''] = await requireTopics(admin, prefix, ['videos'])
    const wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
    const asked = new Map<string, string>()
    if (!again) {
      for await (const { key, headers } of readTopics({
        client,
        admin,
        topics: [topic],
        from: 'beginning',
        toEnd: true,
        signal,
      })) {
        if (key !== null) asked.set(key.toString(), headers.ce_id ?? '')
      }
    }
    const producer = await client.producer()
    const failed: SubmitSummary['failed'][number][] = []
    let [found, submitted, skipped] = [0, 0, 0]
    let waiting: { record: OutgoingRecord; value: VideoRecord }[] = []
    const flush = async (): Promise<void> => {
      const some = waiting
      waiting = []
      if (some.length > 0 && !dryRun) await producer.send(some.map(({ record }) => record))
      submitted += some.length
      for (const { value } of some) hooks.onSubmitted?.(value)
    }
    for await (const video of places.discover(inputs, { root, signal })) {
      if (signal.aborted || submitted + waiting.length >= maxVideos) break
      if (!isSelected(video, selection)) continue
      found++
      if ('error' in video) {
        const { source, error } = video
        failed.push({ source, code: error.code, message: error.message })
        hooks.onFailed?.(video)
        continue
      }
      const value = requestFor(video, options.sampling)
      if (asked.get(video.source) === value.request_id) {
        skipped++
        continue
      }
      const span = beginSpan('stanflow.submit', 'producer', { 'messaging.destination.name': topic })
      const headers = headersOf({
        ...{ id: value.request_id, source: 'stanflow/submit', type: 'stanflow.video.v1' },
        ...{ contentType: wire.contentType, time: new Date(), ...span.carried },
      })
      span.end()
      const bytes = await wire.encode('video', value)
      waiting.push({
        value,
        record: { topic: topicName(prefix, 'videos'), key: video.source, value: bytes, headers },
      })
      if (waiting.length >= AT_ONCE) await flush()
    }
    await flush()
    return { found, submitted, skipped, failed }
  } finally {
    await places.close()
    await client.close()
  }
}

function requestFor(
  { source, path, bytes, fingerprint }: Video,
  sampling: Sampling | undefined,
): VideoRecord {
  const sample = sampling === undefined ? null : sampleRecord(sampling)
  const identity = JSON.stringify([source, fingerprint, sample])
  const request_id = createHash('sha256').update(identity).digest('hex').slice(0, 32)
  return { request_id, source, uri: path, bytes, etag: fingerprint, sample }
}

function sampleRecord(sampling: Sampling): SampleRecord {
  const { kind, frames } = sampling
  if (kind === 'uniform') return { kind, frames, length: null, stride: null }
  return { kind, frames, length: sampling.length, stride: sampling.stride }
}
