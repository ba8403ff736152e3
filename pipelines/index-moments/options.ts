import type { S3Settings } from '../../src/connect/s3/client.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { KafkaOptions } from '../kafka.js'

export interface IndexOptions {
  /** A folder or `s3://bucket/prefix` that a backfill or an archive wrote to, or `kafka://`. */
  readonly from: string
  /** Where the index is: a folder, or `s3://bucket/prefix`. */
  readonly to: string
  readonly s3?: S3Settings
  /** Where `from` is `kafka://`. */
  readonly kafka?: KafkaOptions
  /** Only results of the model whose digest begins so. */
  readonly digest?: string
  /** A model that the index does not have yet gets a table of its own. Default: it is refused. */
  readonly beside?: boolean
  /** Take the vectors of frames in too, where results have them: for `mug` and `wti`. Default: no. */
  readonly keepFrames?: boolean
  /** Clips older than so many seconds are dropped, and not taken in. */
  readonly keep?: number
  /** From Kafka: end once nothing new has come for so many seconds. */
  readonly untilQuiet?: number
}

export interface IndexSummary {
  readonly to: string
  readonly model: string | null
  /** Clips in the index, of the model that is searched. */
  readonly clips: number
  readonly added: number
  /** Clips in the index, of that model, that have the vectors of their frames. */
  readonly framed: number
  /** Clips whose labels changed. */
  readonly changed: number
  readonly removed: number
  /** Parts, files or records that were read. */
  readonly read: number
  /** Records that could not be read. */
  readonly unreadable: number
  /** True where a signal ended it before everything was read. */
  readonly drained: boolean
}

export interface IndexHooks {
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly metrics?: Metrics
  readonly onReady?: () => void
  /** For probes: what is waited for, if anything. */
  readonly onWaiting?: (waiting: () => string | undefined) => void
  readonly onProgress?: (progress: {
    readonly clips: number
    readonly read: number
    readonly of?: number
  }) => void
}
