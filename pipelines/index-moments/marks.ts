import { partitionKey, type TopicPartition } from '../../src/connect/kafka/client.js'

/** Under which key an index says how far it has read a partition: the next offset. */
export const partitionMark = (cluster: string, at: TopicPartition): string =>
  `kafka ${cluster} ${partitionKey(at)}`
