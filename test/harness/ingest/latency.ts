import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbeddingRecord, LabelsRecord } from '../../../src/connect/kafka/records.js'
import { TestCamera } from '../../support/camera.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'
import { quantile } from './measure.js'
import { Topics } from './topics.js'

export interface LatencyRow {
  readonly cameras: number
  readonly clips: number
  /** Seconds. */
  readonly p50: number
  readonly p99: number
  readonly most: number
  readonly dropped: number
  readonly widened: number
}

export interface LatencyOptions {
  readonly cameras: number
  readonly seconds: number
  readonly model: string
}

/**
 * From a picture being drawn, with the time in it, to the label of the clip that ends with it being read from the topic:
 * camera, encoder, network, decoder, window, model, broker and reader, all in.
 */
export async function latency({ cameras: count, seconds, model }: LatencyOptions): Promise<LatencyRow> {
  const topics = await Topics.start()
  const source = await TestCamera.start()
  const stopping = new AbortController()
  const labelled = new Map<string, number>()
  const lastFrames = new Map<string, { readonly camera: string; readonly time: number }>()
  const reading = topics.follow(
    { labels: 'label', embeddings: 'embedding' },
    stopping.signal,
    (topic, value, at) => {
      if (topic === 'labels') labelled.set((value as LabelsRecord).clip_id, at)
      const { clip_id, source: from, frame_times } = value as EmbeddingRecord
      if (topic === 'embeddings') {
        lastFrames.set(clip_id, { camera: from.slice('camera:'.length), time: frame_times.at(-1) ?? 0 })
      }
    },
  )
  await sleep(3000)
  const cameras = Array.from({ length: count }, (_, n) => camera(`c${n}`, source.url))
  const { brokers, prefix } = topics
  const running = new RunningIngest(
    ingestOptions(cameras, { model, to: { kind: 'kafka', kafka: { brokers: [brokers] }, prefix } }),
  )
  try {
    await eventually(
      () => labelled.size >= 2 * count,
      120,
      () => running.said.slice(-5).join(''),
    )
    const begun = Date.now() / 1000
    await sleep(seconds * 1000)
    const { cameras: counts } = await running.stop()
    await sleep(1000)
    const waits: number[] = []
    for (const [clip, at] of labelled) {
      const last = lastFrames.get(clip)
      const shown = running.shown.get(last?.camera ?? '')?.find(({ time }) => time === last?.time)
      if (shown !== undefined && shown.spelled > begun) waits.push(at - shown.spelled)
    }
    const sum = (of: 'dropped' | 'widened'): number => counts.reduce((all, one) => all + one[of], 0)
    return {
      ...{ cameras: count, clips: waits.length, p50: quantile(waits, 0.5), p99: quantile(waits, 0.99) },
      ...{ most: Math.max(...waits), dropped: sum('dropped'), widened: sum('widened') },
    }
  } finally {
    await running.stop().catch(() => undefined)
    stopping.abort()
    await reading.catch(() => undefined)
    await source.stop()
    await topics.stop()
  }
}
