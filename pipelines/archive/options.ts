import type { KafkaClient } from '../../src/connect/kafka/client.js'
import type { S3Settings } from '../../src/connect/s3/client.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { KafkaOptions } from '../kafka.js'

export interface ArchiveOptions extends KafkaOptions {
  readonly group: string
  /** A folder, or `s3://bucket/prefix`. */
  readonly to: string
  readonly s3?: S3Settings
  /** Records in a file at most. */
  readonly rollRecords: number
  /** Seconds that a file spans at most; also how long results wait for theirs. */
  readonly rollTime: number
  /** Seconds without a sign of life after which the group takes a member for dead. */
  readonly sessionTimeout: number
  /** End once nothing new has come for so many seconds; absent: go on. */
  readonly untilQuiet?: number
}

export interface ArchiveSummary {
  readonly to: string
  readonly records: number
  readonly files: number
  /** Files that another run had written already. */
  readonly found: number
  readonly deadLetters: number
}

export interface ArchiveHooks {
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly metrics?: Metrics
  /** A client to use in place of the one that the options name. */
  readonly client?: KafkaClient
  readonly onReady?: () => void
  readonly onWaiting?: (waiting: () => string | undefined) => void
}
