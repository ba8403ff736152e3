import { type Observable, Subject } from 'rxjs'
import { deadLetter, placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { ErrorCode, StanflowError } from '../../src/errors.js'
import { type Again, patience, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { Errand } from './errand.js'
import { Forbidden } from './forbidden.js'
import { Outages } from './outages.js'

export interface FailuresOptions {
  readonly prefix: string
  readonly group: string
  /** Seconds that an object may fail for, while its bucket answers. */
  readonly patience: number
  /** Whether the bucket of an object answers. */
  readonly answers: (uri: string) => Promise<boolean>
  /** Aborted when everything is to end: what fails then may be sound. */
  readonly signal: AbortSignal
  readonly log: Logger
  readonly metrics: Metrics
}

/** What passes by itself, and is waited for. */
const PASSING: readonly ErrorCode[] = ['KAFKA_REGISTRY', 'S3_UNAVAILABLE']
/** No record's own fault: the next one would fare alike. */
const ENDING: readonly ErrorCode[] = ['KAFKA_AUTH', 'KAFKA_NO_REGISTRY', 'S3_CREDENTIALS', 'S3_REGION']

/**
 * What becomes of a failure: what passes is waited for; what is wrong with this installation ends the job, with nothing
 * committed that was not done; all else is the record's own, which goes to the dead letters.
 */
export class Failures {
  /** Errors once the job is to end. */
  readonly fatal: Observable<never>
  readonly #options: FailuresOptions
  readonly #fatal = new Subject<never>()
  readonly #forbidden = new Forbidden()
  readonly #outages: Outages
  #deadLetters = 0

  constructor(options: FailuresOptions) {
    const { patience: seconds, answers } = options
    this.#options = options
    this.#outages = new Outages({ patience: seconds * 1000, answers })
    this.fatal = this.#fatal.asObservable()
  }

  get deadLetters(): number {
    return this.#deadLetters
  }

  /** Waits for what passes, as long as work on a record counts. Whoever uses it says when the record goes on. */
  again(errand: Errand): Again {
    const { signal, log } = this.#options
    const { work } = errand
    let since = 0
    return async (error, tries) => {
      if (!PASSING.includes(error.code)) return false
      if (tries === 0) since = Date.now()
      errand.wait(`${error.code}: ${error.message}`)
      if (error.code === 'S3_UNAVAILABLE' && (await this.#outages.isOwnFault(errand.uri, since))) return false
      const wait = patience({
        ...{ passing: PASSING, signal: AbortSignal.any([signal, work.signal]) },
        onWait: ({ code, message: reason }) => log.warn({ code, reason, at: placeOf(work) }, 'tried again'),
      })
      return wait(error, tries)
    }
  }

  /** Whether that was waited for, which everything is to end before: the next process does it. */
  isInVain(error: StanflowError): boolean {
    return this.#options.signal.aborted && PASSING.includes(error.code)
  }

  /** Does a step for a record, however long what it needs is away. */
  async persist<T>(errand: Errand, step: () => Promise<T>): Promise<T> {
    try {
      return await persist(step, this.again(errand))
    } finally {
      await errand.goOn()
    }
  }

  /** Bytes of what lies there came. */
  readable(uri: string): void {
    this.#forbidden.readable(uri)
    this.#outages.readable(uri)
  }

  failed(errand: Errand, error: StanflowError): void {
    const { work, trace, uri } = errand
    errand.leave()
    work.goOn()
    const bury = (): void => this.#bury(work, error, trace)
    // What looks like a damaged video while everything is being stopped may be none.
    if (this.#isOver(work)) trace.end()
    else if (ENDING.includes(error.code)) this.#fatal.error(error)
    else if (error.code !== 'S3_FORBIDDEN') bury()
    else if (!this.#forbidden.meet(uri, placeOf(work), bury)) this.#fatal.error(error)
  }

  #isOver(work: Work): boolean {
    return work.signal.aborted || this.#options.signal.aborted
  }

  #bury(work: Work, error: StanflowError, trace: Errand['trace']): void {
    if (this.#isOver(work)) return
    const { log, metrics, prefix, group } = this.#options
    const attempts = Math.max(1, work.deaths)
    work.end([deadLetter(topicName(prefix, 'dead-letter'), work.at, work.record, { error, attempts, group })])
    trace.end(error)
    metrics.deadLetter(error.code)
    this.#deadLetters++
    log.error({ at: placeOf(work), code: error.code, reason: error.message }, 'dead letter')
  }
}

const placeOf = ({ at, record }: Work): string => placeText(at, record.offset)
