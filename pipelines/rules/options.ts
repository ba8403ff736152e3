import type { Rule } from '../../operators/index.js'
import type { KafkaClient } from '../../src/connect/kafka/client.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { KafkaOptions } from '../kafka.js'

export interface RulesOptions extends KafkaOptions {
  readonly rules: readonly Rule[]
  /** Consumer group: members of one share the work. */
  readonly group: string
  /** Seconds without a sign of life after which the group takes a member for dead. */
  readonly sessionTimeout: number
  /** Seconds beyond a rule's `gapAfter` that labels may take to come before a camera counts as away. Default 30. */
  readonly late?: number
  /** Deaths of the process at one message before it goes to the dead letters. */
  readonly attempts: number
}

export interface RulesSummary {
  readonly group: string
  readonly clips: number
  readonly events: number
  readonly deadLetters: number
}

export interface RulesHooks {
  /** Aborting drains: nothing new is begun, what is in flight is committed. */
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly metrics?: Metrics
  /** A client to use in place of the one that the options name. */
  readonly client?: KafkaClient
  readonly onReady?: () => void
  readonly onWaiting?: (waiting: () => string | undefined) => void
}
