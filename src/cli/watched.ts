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
    // Whatever a library still waits for must not keep a process from ending that has been told to.
    setTimeout(() => process.exit(), LINGER_MS).unref()
    await server?.close()
    await flush().catch((error: unknown) => log.warn({ reason: String(error) }, 'traces were not delivered'))
  }
}

/** Places on this machine's disks, each once. */
function foldersOf(places: readonly (string | undefined)[]): readonly string[] {
  const folders = places.filter(
    (place) => place !== undefined && place !== '-' && !/^[a-z0-9+.-]+:\/\//i.test(place),
  )
  return [...new Set(folders as string[])]
}
