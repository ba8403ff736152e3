import { openKafka } from '../src/connect/kafka/open.js'
import { silentLog } from '../src/telemetry/log.js'
import { ArchiveJob } from './archive/job.js'
import type { ArchiveHooks, ArchiveOptions, ArchiveSummary } from './archive/options.js'
import { awaitBroker, reachCluster } from './cluster.js'
import { Places } from './places.js'

export type { ArchiveHooks, ArchiveOptions, ArchiveSummary }

/** Embeddings and labels from their topics → Parquet, every record in exactly one file. A broker that is away is waited for. */
export async function archive(options: ArchiveOptions, hooks: ArchiveHooks = {}): Promise<ArchiveSummary> {
  const client = hooks.client ?? (await openKafka(options.kafka))
  const places = new Places(options.s3)
  try {
    let waiting = (): string | undefined => 'the broker is waited for'
    hooks.onWaiting?.(() => waiting())
    const { log = silentLog(), signal = new AbortController().signal } = hooks
    const awaiting = awaitBroker({ log, signal })
    const { prefix } = options
    const { admin, topics } = await reachCluster(
      client,
      { prefix, topics: ['embeddings', 'labels'] },
      awaiting,
    )
    const producer = await awaiting(() => client.producer())
    const place = places.results(options.to)
    const job = new ArchiveJob({ options, hooks, client, admin, topics, place, producer, awaiting })
    waiting = () => job.waitsFor
    return await job.run()
  } finally {
    await places.close()
    await client.close()
  }
}
