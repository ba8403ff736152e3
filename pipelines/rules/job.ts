import type { Admin, KafkaClient } from '../../src/connect/kafka/client.js'
import { deadLetter, placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Intake } from '../../src/connect/kafka/delivery/intake.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { eventMessage } from '../../src/connect/kafka/event-record.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { asStanflowError, type ErrorCode, StanflowError } from '../../src/errors.js'
import { type Again, patience, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { RulesOptions } from './options.js'
import { Standing } from './standing.js'

export interface RulesParts {
  readonly options: RulesOptions
  readonly client: KafkaClient
  readonly admin: Admin
  readonly intake: Intake
  readonly log: Logger
  readonly metrics: Metrics
  /** Aborting drains. */
  readonly signal: AbortSignal
}

/** What passes by itself. */
const PASSING: readonly ErrorCode[] = ['KAFKA_REGISTRY', 'KAFKA_UNREACHABLE', 'KAFKA_UNCERTAIN']

/** Labels → events. Each partition's records are taken one after the other, as rules depend on their order. */
export class RulesJob {
  readonly counts = { clips: 0, events: 0, deadLetters: 0 }
  readonly #parts: RulesParts
  readonly #wire: Wire
  /** By partition, of those held. */
  readonly #standings = new Map<number, Promise<Standing>>()
  readonly #turns = new Map<number, Promise<void>>()

  constructor(parts: RulesParts) {
    const { prefix, registry } = parts.options
    this.#parts = parts
    this.#wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
  }

  /** What is known of partitions that are not held any more, or of whose records some were not committed, is void. */
  forget(isHeld: (partition: number) => boolean): void {
    for (const partition of [...this.#standings.keys()]) {
      if (!isHeld(partition)) this.#standings.delete(partition)
    }
  }

  async run(): Promise<void> {
    const { intake, signal } = this.#parts
    const drain = (): void => intake.drain()
    if (signal.aborted) drain()
    signal.addEventListener('abort', drain, { once: true })
    let failure: StanflowError | undefined
    try {
      for await (const work of intake.works()) {
        const { partition } = work.at
        const before = this.#turns.get(partition) ?? Promise.resolve()
        const turn = before
          .then(() => this.#take(work))
          .catch((error: unknown) => {
            failure ??= asStanflowError(error)
            drain()
          })
        this.#turns.set(partition, turn)
      }
      await Promise.all(this.#turns.values())
      if (failure !== undefined) throw failure
    } finally {
      signal.removeEventListener('abort', drain)
    }
  }

  async #take(work: Work): Promise<void> {
    if (work.signal.aborted) return
    const { value } = work.record
    if (value === null) {
      work.end()
      return
    }
    try {
      if (work.quarantined) {
        throw new StanflowError('MESSAGE_QUARANTINED', `${work.deaths} processes died while at work on it.`)
      }
      const again = this.#patience(work)
      const record = await persist(() => this.#wire.decode('label', value), again)
      // Once the partition is lost, what is read of it may be from before others were done with it.
      const read = async () => (work.signal.aborted ? undefined : this.#standing(work.at.partition))
      const standing = await persist(read, again)
      if (standing === undefined || work.signal.aborted) return
      const turn = standing.add(record)
      const { prefix, group } = this.#parts.options
      const to = { wire: this.#wire, prefix, by: group }
      const encode = () => Promise.all(turn.events.map((event) => eventMessage(event, to)))
      const events = await persist(encode, again)
      work.end([...events, ...turn.standing])
      this.counts.clips++
      this.counts.events += events.length
      for (const { source, rule, kind, start } of turn.events)
        this.#parts.log.info({ source, rule, kind, start }, 'event')
    } catch (thrown) {
      const error = asStanflowError(thrown)
      // Waited for in vain, as everything ends: the next process does it.
      if (PASSING.includes(error.code) && (this.#parts.signal.aborted || work.signal.aborted)) return
      if (error.code !== 'KAFKA_SCHEMA' && error.code !== 'MESSAGE_QUARANTINED') throw error
      this.#bury(work, error)
    }
  }

  /** What may pass is waited for, however long. */
  #patience(work: Work): Again {
    const { signal, log } = this.#parts
    return patience({
      ...{ passing: PASSING, signal: AbortSignal.any([signal, work.signal]) },
      onWait: ({ code, message: reason }) =>
        log.warn({ code, reason, at: placeText(work.at, work.record.offset) }, 'tried again'),
    })
  }

  #standing(partition: number): Promise<Standing> {
    const known = this.#standings.get(partition)
    if (known !== undefined) return known
    const { client, admin, options } = this.#parts
    const { prefix, group, rules } = options
    const loading = Standing.load({ client, admin, prefix, group, rules }, partition)
    this.#standings.set(partition, loading)
    loading.catch(() => {
      if (this.#standings.get(partition) === loading) this.#standings.delete(partition)
    })
    return loading
  }

  #bury(work: Work, error: StanflowError): void {
    const { options, log, metrics } = this.#parts
    const { prefix, group } = options
    const attempts = Math.max(1, work.deaths)
    work.end([deadLetter(topicName(prefix, 'dead-letter'), work.at, work.record, { error, attempts, group })])
    metrics.deadLetter(error.code)
    this.counts.deadLetters++
    log.error(
      { at: placeText(work.at, work.record.offset), code: error.code, reason: error.message },
      'dead letter',
    )
  }
}
