import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/schema.js'
import { asStanflowError } from '../errors.js'
import { type Logger, openLog } from '../telemetry/log.js'
import type { Metrics } from '../telemetry/metrics.js'
import { startTracing } from '../telemetry/trace.js'
import { openStatus } from './status.js'

export interface Watch {
  readonly log: Logger
  readonly metrics: Metrics
  readonly ready: () => void
  readonly waiting: (waiting: () => string | undefined) => void
}

/** What closing may take; what a process may go on for after it that has ended its work. */
const CLOSING_MS = 5000
const LINGER_MS = 5000

/**
 * Runs a job that goes on and on under the eyes of those who operate it: logs, metrics, health, traces.
 * `places`: what it writes to beside what the configuration says.
 */
export async function watched<T>(
  command: string,
  config: Config,
  job: (watch: Watch) => Promise<T>,
  places: readonly (string | undefined)[] = [],
): Promise<T> {
  const log = openLog(command)
  let [isReady, failure] = [false, undefined as string | undefined]
  let waitsFor = (): string | undefined => undefined
  const health = {
    failing: () => failure,
    waiting: () => waitsFor() ?? (isReady ? undefined : 'it is being started'),
  }
  const flush = await startTracing()
  const { metrics, address, close } = await openStatus(command, config, health, places)
  if (address !== undefined) log.info({ address }, 'serving /metrics, /healthz and /readyz')
  try {
    return await job({
      log,
      metrics,
      ready: () => {
        isReady = true
        log.info('ready')
      },
      waiting: (waiting) => {
        waitsFor = waiting
      },
    })
  } catch (error) {
    failure = asStanflowError(error).code
    throw error
  } finally {
    await close()
    await inTime(flush).catch((error: unknown) =>
      log.warn({ reason: String(error) }, 'traces were not delivered'),
    )
    // Whatever a library still waits for must not keep a process from ending. Its exit status is set by then: that
    // of the error, say.
    setTimeout(() => process.exit(), LINGER_MS).unref()
  }
}

/** @throws what it throws, or where it takes longer than closing may */
async function inTime(close: () => Promise<void>): Promise<void> {
  const ended = new AbortController()
  const late = sleep(CLOSING_MS, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`it took longer than ${CLOSING_MS / 1000} s`)
  })
  try {
    await Promise.race([close(), late])
  } finally {
    late.catch(() => undefined)
    ended.abort()
  }
}
