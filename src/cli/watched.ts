import type { Config } from '../config/schema.js'
import { asStanflowError } from '../errors.js'
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

/** Runs a job that goes on and on under the eyes of those who operate it: logs, metrics, health, traces. */
export async function watched<T>(
  command: string,
  config: Config,
  job: (watch: Watch) => Promise<T>,
): Promise<T> {
  const log = openLog(command)
  const metrics = new Metrics()
  let [isReady, failure] = [false, undefined as string | undefined]
  let waitsFor = (): string | undefined => undefined
  const health = {
    failing: () => failure,
    waiting: () => waitsFor() ?? (isReady ? undefined : 'it is being started'),
  }
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
