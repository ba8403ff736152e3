/** What stanflow needs of a Kafka client library, small enough for a second one to stand behind it. */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export type Headers = Readonly<Record<string, string>>

export interface ConsumedRecord {
  readonly offset: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

export interface OutgoingRecord {
  readonly topic: string
  /** Default: by the key, as Java's clients do. */
  readonly partition?: number
  readonly key: string | Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
}

/** How far a group has come in a partition. */
export interface Checkpoint extends TopicPartition {
  /** Of the next record to be read. */
  readonly offset: bigint
  /** Up to 4096 bytes that are kept with the offset. */
  readonly metadata?: string
}

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  /** Absent: the broker's default. */
  readonly replicas?: number
  readonly config: Readonly<Record<string, string>>
}

export interface TopicFacts {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
}

export interface Range {
  readonly partition: number
  /** Of the first record there is, and of the next that will come. */
  readonly low: bigint
  readonly high: bigint
}

/** Every method throws StanflowError KAFKA_*. */
export interface Admin {
  /** Tells clusters apart, whatever their brokers are called. */
  clusterId(): Promise<string>
  /** Answers with the names of those that were not there yet. */
  createTopics(topics: readonly TopicSpec[]): Promise<readonly string[]>
  /** Of the topics named, those there are; of all, where none is named. */
  describeTopics(topics?: readonly string[]): Promise<readonly TopicFacts[]>
  topicConfig(topic: string): Promise<Readonly<Record<string, string>>>
  ranges(topic: string): Promise<readonly Range[]>
  /** What a group has committed; partitions without are left out. */
  checkpoints(group: string, topic: string): Promise<readonly Checkpoint[]>
  /** Client ids of a group's members. */
  members(group: string): Promise<readonly string[]>
  deleteTopics(topics: readonly string[]): Promise<void>
}

/** Idempotent: what `send` resolves for is stored once, in order per partition. */
export interface Producer {
  send(records: readonly OutgoingRecord[]): Promise<void>
  close(): Promise<void>
}

export interface Transaction {
  send(records: readonly OutgoingRecord[]): Promise<void>
  /** Commits a group's offsets with the transaction. */
  checkpoint(group: string, checkpoints: readonly Checkpoint[]): Promise<void>
  /** @throws StanflowError KAFKA_UNCERTAIN where it is not known whether it was committed */
  commit(): Promise<void>
  abort(): Promise<void>
}

/**
 * The one producer that may write under its transactional id: opening another with that id fences it, and settles what
 * it left open. After any error, an abort included, close it and open another: a client's idea of a transaction that
 * went wrong is not to be trusted.
 */
export interface TransactionalProducer {
  begin(): Promise<Transaction>
  close(): Promise<void>
}

export interface RecordBatch extends TopicPartition {
  /** In offset order, not empty; committed records only. */
  readonly records: readonly ConsumedRecord[]
  /** Of the next record that will come. */
  readonly high: bigint
}

export interface ConsumerEvents {
  /** After each rebalance: all partitions held now. New ones give nothing before they are started. */
  readonly assigned: (partitions: readonly TopicPartition[]) => void
  /** A rebalance has begun; any partition may be lost. */
  readonly rebalancing?: () => void
  /** Called with what comes, on and on; to get less, pause. */
  readonly records: (batch: RecordBatch) => void
  /** Everything before the offset was handed on, or is none of ours: marks of transactions, and what was aborted. */
  readonly reached?: (at: TopicPartition, offset: bigint, high: bigint) => void
  /** The consumer has ended for good. */
  readonly failed: (error: Error) => void
}

export interface ConsumerOptions {
  readonly group: string
  readonly topics: readonly string[]
  /** Told to the group, so that members can be told apart. */
  readonly clientId: string
  /** Milliseconds without a heartbeat after which the group goes on without this member. Default 30 000. */
  readonly sessionTimeout?: number
  /** Most bytes of one fetch of a partition. Default 1 MiB; a larger record comes all the same. */
  readonly bytesPerPartition?: number
  readonly events: ConsumerEvents
}

/** A member of a group. It heartbeats by itself, however long work takes. */
export interface Consumer {
  /** Begins, or begins anew, with a partition held. */
  start(at: TopicPartition, offset: bigint): void
  pause(at: TopicPartition): void
  resume(at: TopicPartition): void
  /** Commits outside of transactions, as this member of the group. @throws where it no longer is one */
  commit(checkpoints: readonly Checkpoint[]): Promise<void>
  /** Leaves the group. */
  stop(): Promise<void>
}

export interface KafkaClient {
  readonly name: string
  admin(): Promise<Admin>
  producer(): Promise<Producer>
  /** @param timeout milliseconds after which the broker aborts a transaction that nobody ends */
  transactional(id: string, timeout: number): Promise<TransactionalProducer>
  /** Joins the group; resolves once it has joined for the first time. */
  consumer(options: ConsumerOptions): Promise<Consumer>
  close(): Promise<void>
}

/** One text for a partition, as a key of maps and in messages. */
export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}[${partition}]`
