import { openKafka } from '../src/connect/kafka/open.js'
import { ArchiveJob } from './archive/job.js'
import type { ArchiveHooks, ArchiveOptions, ArchiveSummary } from './archive/options.js'
import { requireTopics } from './kafka.js'
import { Places } from './places.js'

export type { ArchiveHooks, ArchiveOptions, ArchiveSummary }

/** Embeddings and labels from their topics → Parquet, every record in exactly one file. */
export async function archive(options: ArchiveOptions, hooks: ArchiveHooks = {}): Promise<ArchiveSummary> {
  const client = await openKafka(options.kafka)
  const places = new Places(options.s3)
  try {
    const admin = await client.admin()
    const topics = await requireTopics(admin, options.prefix, ['embeddings', 'labels'])
    const place = places.results(options.to)
    const job = new ArchiveJob({
      options,
      hooks,
      client,
      admin,
      topics,
      place,
      producer: await client.producer(),
    })
    return await job.run()
  } finally {
    await places.close()
    await client.close()
  }
}
