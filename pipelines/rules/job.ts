import { setInterval as every } from 'node:timers/promises'
import type { Admin, KafkaClient, OutgoingRecord, TopicPartition } from '../../src/connect/kafka/client.js'
import { deadLetter, placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Intake } from '../../src/connect/kafka/delivery/intake.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { eventMessage } from '../../src/connect/kafka/event-record.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { Event } from '../../src/domain.js'
import { asStanflowError, type ErrorCode, StanflowError } from '../../src/errors.js'
import { type Again, patience, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { RulesOptions } from './options.js'
import { Standing, type Turn } from './standing.js'

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

/** How often it is looked for cameras of which nothing comes any more. */
const LOOK_MS = 5000
/** Seconds that labels may take to come, unless options say otherwise. */
const LATE_SECONDS = 30
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
  /** When the labels were last out of reach: Unix seconds. */
  #awaySince = 0

  constructor(parts: RulesParts) {
    const { options, signal } = parts
    const { prefix, registry } = options
    this.#parts = parts
    this.#wire = new Wire({ prefix, ending: signal, ...(registry !== undefined && { registry }) })
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
    const looking = this.#lookOnAndOn()
    let failure: StanflowError | undefined
    try {
      for await (const work of intake.works()) {
        void this.#inTurn(work.at.partition, () => this.#take(work)).catch((error: unknown) => {
          failure ??= asStanflowError(error)
          drain()
        })
      }
      await Promise.all(this.#turns.values())
      if (failure !== undefined) throw failure
    } finally {
      looking.abort()
      signal.removeEventListener('abort', drain)
    }
  }

  /** One step of a partition after the other. */
  #inTurn(partition: number, step: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(partition) ?? Promise.resolve()).then(step)
    this.#turns.set(
      partition,
      turn.catch(() => undefined),
    )
    return turn
  }

  #lookOnAndOn(): AbortController {
    const over = new AbortController()
    const look = async (): Promise<void> => {
      for await (const _ of every(LOOK_MS, undefined, { signal: over.signal })) await this.#look()
    }
    look().catch(() => undefined)
    return over
  }

  /** What goes on at cameras of which nothing comes any more is closed, though no label says so. */
  async #look(): Promise<void> {
    const { admin, intake, options } = this.#parts
    const topic = topicName(options.prefix, 'labels')
    const isReached = await admin.ranges(topic).then(
      () => true,
      () => false,
    )
    if (!isReached) this.#awaySince = Date.now() / 1000
    if (!isReached || intake.draining) return
    const held = intake.lanes.filter(({ open }) => open)
    await Promise.all(
      held.map(({ partition }) => this.#inTurn(partition, () => this.#closeSilent({ topic, partition }))),
    ).catch(() => undefined)
  }

  async #closeSilent(at: TopicPartition): Promise<void> {
    let turn: Turn | undefined
    const isCommitted = await this.#parts.intake.aside(at, async () => {
      turn = await this.#late(at.partition)
      return this.#recordsOf(turn)
    })
    if (isCommitted && turn !== undefined) this.#count(turn.events)
  }

  async #late(partition: number): Promise<Turn> {
    const { late = LATE_SECONDS } = this.#parts.options
    const standing = await this.#standing(partition)
    return standing.late({ now: Date.now() / 1000, since: this.#awaySince, late })
  }

  async #recordsOf({ events, standing }: Turn): Promise<readonly OutgoingRecord[]> {
    const { prefix, group } = this.#parts.options
    const to = { wire: this.#wire, prefix, by: group }
    return [...(await Promise.all(events.map((event) => eventMessage(event, to)))), ...standing]
  }

  /** Once what came of a record is committed: what is lost is done again, and would count twice. */
  #onceCommitted(work: Work, count: () => void): void {
    void work.settled.then(() => {
      if (!work.signal.aborted) count()
    })
  }

  #count(events: readonly Event[]): void {
    this.counts.events += events.length
    for (const { source, rule, kind, start } of events)
      this.#parts.log.info({ source, rule, kind, start }, 'event')
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
      work.end(await persist(() => this.#recordsOf(turn), again))
      this.#onceCommitted(work, () => {
        this.counts.clips++
        this.#count(turn.events)
      })
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
    this.#onceCommitted(work, () => {
      metrics.deadLetter(error.code)
      this.counts.deadLetters++
      const at = placeText(work.at, work.record.offset)
      log.error({ at, code: error.code, reason: error.message }, 'dead letter')
    })
  }
}
