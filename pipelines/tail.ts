import { deadLetterFacts } from '../src/connect/kafka/dead-letter.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { readTopics } from '../src/connect/kafka/read-topic.js'
import type { ValueName } from '../src/connect/kafka/records.js'
import { TOPIC_NAMES, type TopicName, topicName } from '../src/connect/kafka/topics.js'
import { Wire } from '../src/connect/kafka/wire.js'
import { asStanflowError } from '../src/errors.js'
import { type KafkaOptions, requireTopics } from './kafka.js'

export interface TailOptions extends KafkaOptions {
  readonly topics: readonly TopicName[]
  readonly from: 'beginning' | 'now'
  /** End once what was there at the beginning has been shown. */
  readonly toEnd: boolean
  readonly max?: number
}

/** A record as people and programs see it. */
export interface TailRecord {
  readonly name: TopicName
  readonly topic: string
  readonly partition: number
  readonly offset: string
  /** ISO 8601. */
  readonly time: string
  readonly key: string | null
  readonly headers: Readonly<Record<string, string>>
  /** The value; of dead letters, what failed and why; where it cannot be read, the reason. */
  readonly value: unknown
}

const VALUES: Readonly<Record<Exclude<TopicName, 'dead-letter' | 'rule-state'>, ValueName>> = {
  videos: 'video',
  clips: 'clip',
  embeddings: 'embedding',
  labels: 'label',
  events: 'event',
}

/** Records of topics as they come, until aborted. */
export async function* tail(options: TailOptions, signal?: AbortSignal): AsyncGenerator<TailRecord> {
  const { kafka, prefix, registry, from, toEnd, max = Number.POSITIVE_INFINITY } = options
  const client = await openKafka(kafka)
  const wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
  try {
    const admin = await client.admin()
    const topics = await requireTopics(admin, prefix, options.topics)
    let shown = 0
    for await (const record of readTopics({
      client,
      admin,
      topics,
      from,
      toEnd,
      ...(signal && { signal }),
    })) {
      const name = TOPIC_NAMES.find((one) => topicName(prefix, one) === record.topic) as TopicName
      const { topic, partition, offset, key, headers } = record
      yield {
        ...{ name, topic, partition, offset: String(offset), time: new Date(record.timestamp).toISOString() },
        ...{ key: key === null ? null : key.toString(), headers },
        value: await shownValue(name, record.value, headers, wire),
      }
      if (++shown >= max) return
    }
  } finally {
    await client.close()
  }
}

async function shownValue(
  name: TopicName,
  value: Buffer | null,
  headers: Readonly<Record<string, string>>,
  wire: Wire,
): Promise<unknown> {
  if (value === null) return null
  if (name === 'dead-letter') return deadLetterFacts(headers) ?? null
  try {
    if (name === 'rule-state') return JSON.parse(value.toString()) as unknown
    return await wire.decode(VALUES[name], value)
  } catch (error) {
    const { code, message } = asStanflowError(error)
    return { error: code, message }
  }
}
