import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Admin } from '../src/connect/kafka/client.js'
import type { KafkaSettings } from '../src/connect/kafka/settings.js'
import { type TopicName, topicName } from '../src/connect/kafka/topics.js'
import { StanflowError } from '../src/errors.js'

/** How a job reaches Kafka. */
export interface KafkaOptions {
  readonly kafka: KafkaSettings
  /** What topics begin with. */
  readonly prefix: string
  /** URL of a schema registry; without it values are JSON. */
  readonly registry?: string
}

/** A name for this process that no other has, and that people can read. */
export const processName = (): string => `stanflow-${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`

/** @throws StanflowError KAFKA_TOPIC_MISSING with the names of those that are not there */
export async function requireTopics(
  admin: Admin,
  prefix: string,
  names: readonly TopicName[],
): Promise<readonly string[]> {
  const topics = names.map((name) => topicName(prefix, name))
  const there = new Set((await admin.describeTopics(topics)).map(({ topic }) => topic))
  const missing = topics.filter((topic) => !there.has(topic))
  if (missing.length > 0) {
    const many = missing.length > 1
    const sentence = `The ${many ? 'topics' : 'topic'} ${missing.join(', ')} ${many ? 'are' : 'is'} not there.`
    throw new StanflowError('KAFKA_TOPIC_MISSING', sentence)
  }
  return topics
}

/** What a job is called where its group's name is not given: `stanflow.consume`. */
export const groupName = (prefix: string, command: string): string => `${prefix}${command}`
