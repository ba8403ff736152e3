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
    const embedding = named(await wire.decode('embedding', value))
    const { dim, vector, clip_id } = embedding
    if (vector.length !== 4 * dim) {
      const sentence = `The vector of ${clip_id} has ${vector.length} bytes, and ${dim} numbers take ${4 * dim}.`
      throw new StanflowError('KAFKA_SCHEMA', sentence)
    }
    return { ...facts, kind: 'embeddings', value: embedding }
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

/** What becomes part of a file's name must not lead elsewhere. @throws StanflowError KAFKA_SCHEMA */
function named<T extends { readonly sampling: string }>(value: T): T {
  if (/^[\w.-]+$/.test(value.sampling)) return value
  throw new StanflowError('KAFKA_SCHEMA', `${JSON.stringify(value.sampling)} is no name of a sampling.`)
}
