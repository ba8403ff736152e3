import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/schema.js'
import { asStanflowError } from '../errors.js'
import { observeWaits } from '../persist.js'
import { type Logger, openLog } from '../telemetry/log.js'
import { Metrics } from '../telemetry/metrics.js'
import { StatusServer } from '../telemetry/server.js'
import { startTracing } from '../telemetry/trace.js'

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
  const metrics = new Metrics({ command })
  observeWaits((code) => metrics.wait(code))
  metrics.disks(foldersOf([config.to, config.record, config.clipsTo, config.index, ...places]))
  let [isReady, failure] = [false, undefined as string | undefined]
  let waitsFor = (): string | undefined => undefined
  const health = {
    failing: () => failure,
    waiting: () => waitsFor() ?? (isReady ? undefined : 'it is being started'),
  }
  metrics.readiness(() => (health.failing() ?? health.waiting()) === undefined)
  const flush = await startTracing()
  const server =
    config.listen === undefined ? undefined : await StatusServer.start(config.listen, metrics, health)
  if (server !== undefined) log.info({ address: server.address }, 'serving /metrics, /healthz and /readyz')
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
    await server?.close()
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

/** Places on this machine's disks, each once. */
function foldersOf(places: readonly (string | undefined)[]): readonly string[] {
  const folders = places.filter(
    (place) => place !== undefined && place !== '-' && !/^[a-z0-9+.-]+:\/\//i.test(place),
  )
  return [...new Set(folders as string[])]
}
