import type { ConsumedRecord, Producer, TopicPartition } from '../../src/connect/kafka/client.js'
import { deadLetter, placeText } from '../../src/connect/kafka/dead-letter.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { Wire } from '../../src/connect/kafka/wire.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { Row } from './segment.js'

export interface RowsOptions {
  readonly prefix: string
  readonly group: string
  readonly wire: Wire
  /** Sends dead letters. */
  readonly producer: Producer
  readonly log: Logger
  readonly metrics: Metrics
}

const ENVELOPE_BYTES = 100

/** Records of result topics as rows; those that are none go to the dead letters. */
export class Rows {
  readonly #options: RowsOptions
  #deadLetters = 0

  constructor(options: RowsOptions) {
    this.#options = options
  }

  get deadLetters(): number {
    return this.#deadLetters
  }

  /**
   * `undefined` where it is a dead letter.
   * @param isBuried whether it would be one already
   * @throws StanflowError what is no fault of the record's
   */
  async of(at: TopicPartition, record: ConsumedRecord, isBuried: boolean): Promise<Row | undefined> {
    try {
      return await this.#decoded(at, record)
    } catch (thrown) {
      const error = asStanflowError(thrown)
      // All else the next record would meet alike.
      if (error.code !== 'KAFKA_SCHEMA') throw error
      if (!isBuried) await this.#bury(at, record, error)
      return undefined
    }
  }

  async #decoded({ topic }: TopicPartition, { offset, timestamp, value }: ConsumedRecord): Promise<Row> {
    const { wire, prefix } = this.#options
    const facts = { offset, timestamp, bytes: (value?.length ?? 0) + ENVELOPE_BYTES }
    if (topic !== topicName(prefix, 'embeddings')) {
      return { ...facts, kind: 'labels', value: named(await wire.decode('label', value)) }
    }
    return { ...facts, kind: 'embeddings', value: named(await wire.decode('embedding', value)) }
  }

  async #bury(at: TopicPartition, record: ConsumedRecord, error: StanflowError): Promise<void> {
    const { prefix, group, producer, log, metrics } = this.#options
    log.error({ at: placeText(at, record.offset), code: error.code, reason: error.message }, 'dead letter')
    const to = topicName(prefix, 'dead-letter')
    await producer.send([deadLetter(to, at, record, { error, attempts: 1, group })])
    this.#deadLetters++
    metrics.deadLetter(error.code)
  }
}

interface Named {
  readonly model_digest: string
  readonly sampling: string
  readonly label_set?: string
}

/** What becomes part of a file's name must not lead elsewhere. @throws StanflowError KAFKA_SCHEMA */
function named<T extends Named>(value: T): T {
  for (const name of ['model_digest', 'sampling', 'label_set'] as const) {
    const text = value[name]
    if (text === undefined || /^[\w.-]+$/.test(text)) continue
    const sentence = `${JSON.stringify(text.slice(0, 80))} is no ${name.replace('_', ' ')}.`
    throw new StanflowError('KAFKA_SCHEMA', sentence)
  }
  return value
}
