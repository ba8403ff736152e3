import type { TopicSpec } from './client.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Bytes of the largest records. A clip of 64 frames of 150 kB each fits. */
export const LARGE = 10 * 1024 * 1024

export const TOPIC_NAMES = [
  ...(['videos', 'clips', 'embeddings', 'labels', 'events', 'dead-letter'] as const),
  'rule-state',
] as const
export type TopicName = (typeof TOPIC_NAMES)[number]

/** `stanflow.` and `labels` as `stanflow.labels`. */
export const topicName = (prefix: string, name: TopicName): string => `${prefix}${name}`

/** What each topic keeps, and how long. */
const CONFIG: Readonly<Record<TopicName, Readonly<Record<string, string>>>> = {
  // The last request of each video is kept: the topic is also the list of what there is.
  videos: { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(7 * DAY) },
  // Pictures are big, and of no use once they are embedded.
  clips: { 'retention.ms': String(6 * HOUR), 'max.message.bytes': String(LARGE) },
  embeddings: { 'retention.ms': String(7 * DAY) },
  labels: { 'retention.ms': String(7 * DAY) },
  events: { 'retention.ms': String(30 * DAY) },
  // Where rules stand at each source, so that whoever goes on with a partition goes on there.
  'rule-state': { 'cleanup.policy': 'compact', 'segment.ms': String(HOUR) },
  // Holds any input, and says why in headers.
  'dead-letter': { 'retention.ms': String(30 * DAY), 'max.message.bytes': String(LARGE + 64 * 1024) },
}

/** Every topic, as `stanflow topics create` makes it. `replicas` absent: the broker's default. */
export function topicSpecs(prefix: string, partitions: number, replicas?: number): readonly TopicSpec[] {
  return TOPIC_NAMES.map((name) => ({
    topic: topicName(prefix, name),
    partitions,
    config: CONFIG[name],
    ...(replicas !== undefined && { replicas }),
  }))
}
