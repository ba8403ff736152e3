import { setTimeout as sleep } from 'node:timers/promises'
import { type ConsumeHooks, type ConsumeOptions, consume } from '../../../pipelines/consume.js'
import { type TailRecord, tail } from '../../../pipelines/tail.js'
import { createTopics } from '../../../pipelines/topics.js'
import type { OutgoingRecord } from '../../../src/connect/kafka/client.js'
import { openKafka } from '../../../src/connect/kafka/open.js'
import type { TopicName } from '../../../src/connect/kafka/topics.js'
import { Wire } from '../../../src/connect/kafka/wire.js'
import { sharedBroker, topicPrefix } from '../../support/kafka.js'

const WAIT_MS = 120_000
export const FRAMES = 4

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not in time`)
    await sleep(100)
  }
}

/** Topics of a test's own on the shared broker, and what goes with them. */
export async function ownTopics(partitions: number) {
  const prefix = topicPrefix()
  const kafka = { brokers: [(await sharedBroker()).plain] }
  const cluster = { kafka, prefix }
  await createTopics({ ...cluster, partitions })
  const consuming: ConsumeOptions = {
    ...cluster,
    ...{ group: `${prefix}consume`, model: 'default', structure: 'auto', engine: 'onnx', device: 'cpu' },
    ...{ precision: 'fp32', reader: 'node-av', labels: ['a cat'], prompts: ['{}'], top: 1 },
    ...{ sampling: { kind: 'window', frames: FRAMES, length: 1, stride: 1 }, batch: 4, concurrency: 1 },
    ...{ batchDeadline: 0.05, sessionTimeout: 6, attempts: 3 },
  }
  const send = async (records: readonly OutgoingRecord[]): Promise<void> => {
    const client = await openKafka(kafka)
    try {
      await (await client.producer()).send(records)
    } finally {
      await client.close()
    }
  }
  /** A request for a video, in this partition. */
  const ask = async (source: string, uri: string, partition: number): Promise<OutgoingRecord> => {
    const nothing = { bytes: null, etag: null, sample: null }
    const value = await new Wire({ prefix }).encode('video', { request_id: source, source, uri, ...nothing })
    return { topic: `${prefix}videos`, partition, key: source, value, headers: {} }
  }
  const all = async (...topics: TopicName[]): Promise<TailRecord[]> => {
    const records: TailRecord[] = []
    for await (const record of tail({ ...cluster, topics, from: 'beginning', toEnd: true }))
      records.push(record)
    return records
  }
  return { prefix, kafka, cluster, consuming, send, ask, all }
}

/** Consumes in this process until told to stop. */
export function running(options: ConsumeOptions, hooks: ConsumeHooks = {}) {
  const stop = new AbortController()
  let waiting = (): string | undefined => 'it is being started'
  const done = consume(options, {
    ...hooks,
    signal: stop.signal,
    onWaiting: (asked) => {
      waiting = asked
    },
  })
  // Awaited later.
  done.catch(() => undefined)
  return { done, stop: () => stop.abort(), waiting: () => waiting() }
}
