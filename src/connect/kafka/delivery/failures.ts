import type { StanflowError } from '../../../errors.js'
import { pauseMs } from '../../../persist.js'

const FATAL: readonly string[] = ['KAFKA_AUTH', 'KAFKA_FORBIDDEN', 'KAFKA_TOO_LARGE', 'KAFKA_TLS', 'INTERNAL']
/** A broker that starts knows of no topics for a moment. */
const MISSING_TRIES = 6
const BACKOFF_MS = 200
const MOST_BACKOFF_MS = 5000
/** Someone else may have the partition: whoever of both does not belong there is about to hear of it. */
const FENCED_MS = 1000

/** Failures of a partition, one after the other, and what is to follow. */
export class Failures {
  #inARow = 0

  /** All is well again. */
  end(): void {
    this.#inARow = 0
  }

  /** Milliseconds after which to try again; undefined where going on makes no sense. */
  next({ code }: StanflowError): number | undefined {
    this.#inARow++
    const isMissing = code === 'KAFKA_TOPIC_MISSING' && this.#inARow >= MISSING_TRIES
    if (FATAL.includes(code) || isMissing) return undefined
    if (code === 'KAFKA_FENCED') return pauseMs(0, FENCED_MS, FENCED_MS)
    return pauseMs(this.#inARow - 1, BACKOFF_MS, MOST_BACKOFF_MS)
  }
}
