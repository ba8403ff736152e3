import type { Config } from '../config/schema.js'
import { observeWaits } from '../persist.js'
import { Metrics } from '../telemetry/metrics.js'
import { type Health, StatusServer } from '../telemetry/server.js'

/** What a command tells those who operate it. */
export interface Status {
  readonly metrics: Metrics
  /** `host:port`; undefined without `--listen`. */
  readonly address: string | undefined
  readonly close: () => Promise<void>
}

/**
 * Begins to count, and to serve the counts and the health of a command where `--listen` says. `places`: what it writes to
 * beside what the configuration says. @throws StanflowError CONFIG_INVALID
 */
export async function openStatus(
  command: string,
  config: Config,
  health: Health,
  places: readonly (string | undefined)[] = [],
): Promise<Status> {
  const metrics = new Metrics({ command })
  observeWaits((code) => metrics.wait(code))
  metrics.disks(foldersOf([config.to, config.record, config.clipsTo, config.index, ...places]))
  metrics.readiness(() => (health.failing() ?? health.waiting()) === undefined)
  const { listen } = config
  const server = listen === undefined ? undefined : await StatusServer.start(listen, metrics, health)
  return { metrics, address: server?.address, close: async () => server?.close() }
}

/** Places on this machine's disks, each once. */
function foldersOf(places: readonly (string | undefined)[]): readonly string[] {
  const folders = places.filter(
    (place) => place !== undefined && place !== '-' && !/^[a-z0-9+.-]+:\/\//i.test(place),
  )
  return [...new Set(folders as string[])]
}
