import { openKafka } from '../src/connect/kafka/open.js'
import { persist } from '../src/persist.js'
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
    let isReached = false
    hooks.onWaiting?.(() => (isReached ? undefined : 'the broker is waited for'))
    const { log = silentLog(), signal = new AbortController().signal } = hooks
    const again = awaitBroker({ log, signal })
    const { prefix } = options
    const { admin, topics } = await reachCluster(client, { prefix, topics: ['embeddings', 'labels'] }, again)
    const producer = await persist(() => client.producer(), again)
    isReached = true
    const place = places.results(options.to)
    return await new ArchiveJob({ options, hooks, client, admin, topics, place, producer, again }).run()
  } finally {
    await places.close()
    await client.close()
  }
}
