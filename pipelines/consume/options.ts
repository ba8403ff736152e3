import type { KafkaClient } from '../../src/connect/kafka/client.js'
import type { S3Settings } from '../../src/connect/s3/client.js'
import type { MediaLimits } from '../../src/media/limits.js'
import type { ReaderName } from '../../src/media/reader.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { KafkaOptions } from '../kafka.js'
import type { ModelOptions } from '../open-model.js'

export interface ConsumeOptions extends ModelOptions, KafkaOptions {
  /** Consumer group: members of one share the work. */
  readonly group: string
  /** Label texts; empty: embeddings only. */
  readonly labels: readonly string[]
  /** Templates with `{}` for the label; their embeddings are averaged. */
  readonly prompts: readonly string[]
  readonly top: number
  readonly reader: 'auto' | ReaderName
  readonly s3?: S3Settings
  /** What one video or clip may cost. */
  readonly limits?: MediaLimits
  /** A batch that is not full goes to the model after so many seconds. */
  readonly batchDeadline: number
  /** Seconds without a sign of life after which the group takes a member for dead. */
  readonly sessionTimeout: number
  /** Deaths of the process at one message before it goes to the dead letters. */
  readonly attempts: number
  /** Seconds that an object may fail for, while its bucket answers, before it goes to the dead letters. Default 300. */
  readonly patience?: number
}

export interface ConsumeSummary {
  readonly model: string
  readonly modelDigest: string
  readonly engine: string
  readonly reader: string
  readonly group: string
  readonly inputs: number
  readonly clips: number
  readonly deadLetters: number
  readonly seconds: number
  readonly notes: readonly string[]
}

export interface ConsumeHooks {
  /** Aborting drains: nothing new is begun, what is in flight is finished and committed. */
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly metrics?: Metrics
  /** A client to use in place of the one that the options name. */
  readonly client?: KafkaClient
  readonly onReady?: () => void
  /** For probes: what is waited for before work is taken, if anything. */
  readonly onWaiting?: (waiting: () => string | undefined) => void
}
