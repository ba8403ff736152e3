import { openKafka } from '../src/connect/kafka/open.js'
import { TOPIC_NAMES, topicName, topicSpecs } from '../src/connect/kafka/topics.js'
import { Wire } from '../src/connect/kafka/wire.js'
import type { KafkaOptions } from './kafka.js'

export interface CreateTopicsOptions extends KafkaOptions {
  readonly partitions: number
  /** Absent: the broker's default. */
  readonly replicas?: number
}

export interface TopicRow {
  readonly topic: string
  /** Absent where the topic is not there. */
  readonly partitions?: number
  readonly replicas?: number
  /** Offsets between the first record there is and the next: some may be marks of transactions. */
  readonly records?: number
  readonly config?: Readonly<Record<string, string>>
}

/** Makes the topics that are missing, and registers their schemas; answers with the names of those made. */
export async function createTopics(options: CreateTopicsOptions): Promise<readonly string[]> {
  const { kafka, prefix, registry, partitions, replicas } = options
  const client = await openKafka(kafka)
  try {
    const made = await (await client.admin()).createTopics(topicSpecs(prefix, partitions, replicas))
    if (registry !== undefined) await new Wire({ prefix, registry }).register()
    return made
  } finally {
    await client.close()
  }
}

const SHOWN = ['cleanup.policy', 'retention.ms', 'max.message.bytes']

/** What there is of the topics. */
export async function listTopics({ kafka, prefix }: KafkaOptions): Promise<readonly TopicRow[]> {
  const client = await openKafka(kafka)
  try {
    const admin = await client.admin()
    const names = TOPIC_NAMES.map((name) => topicName(prefix, name))
    const there = new Map((await admin.describeTopics(names)).map((facts) => [facts.topic, facts]))
    const rows: TopicRow[] = []
    for (const topic of names) {
      const facts = there.get(topic)
      if (facts === undefined) {
        rows.push({ topic })
        continue
      }
      const ranges = await admin.ranges(topic)
      const config = Object.entries(await admin.topicConfig(topic)).filter(([name]) => SHOWN.includes(name))
      const records = ranges.reduce((sum, { low, high }) => sum + Number(high - low), 0)
      rows.push({ ...facts, records, config: Object.fromEntries(config) })
    }
    return rows
  } finally {
    await client.close()
  }
}
