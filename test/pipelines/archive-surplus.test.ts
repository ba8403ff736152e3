import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ArchiveOptions, archive } from '../../pipelines/archive.js'
import type { KafkaClient } from '../../src/connect/kafka/client.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { ownTopics, until } from './consume/support.js'

const RECORDS = 20

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-surplus-'))
})
after(() => rm(dir, { recursive: true, force: true }))

test('an archive until quiet that gets no partition stays while others have records to write, and ends then', async () => {
  // Two topics of one partition: for two members.
  const { prefix, cluster, send } = await ownTopics(1)
  const wire = new Wire({ prefix })
  const embedding = {
    ...{ source: 's', clip_index: 0, start: 0, end: 1, frame_times: [0] },
    ...{ model_digest: 'ab'.repeat(32), sampling: 'uniform-1', dim: 1, vector: Buffer.alloc(4) },
  }
  const write = async (): Promise<void> => {
    const values = Array.from({ length: RECORDS }, (_, n) =>
      wire.encode('embedding', { ...embedding, clip_id: `c${n}` }),
    )
    const records = (await Promise.all(values)).map((value) => ({
      ...{ topic: `${prefix}embeddings`, key: 's', value, headers: {} },
    }))
    await send(records)
  }
  const to = join(dir, 'out')
  const options: ArchiveOptions = {
    ...{ ...cluster, group: `${prefix}archive`, to, rollRecords: 1000, rollTime: 8 },
    sessionTimeout: 6,
  }
  const stop = new AbortController()
  let ready = 0
  const hooks = { signal: stop.signal, onReady: () => void ready++ }
  const others = [archive(options, hooks), archive(options, hooks)]
  await until('two members', () => ready === 2)
  await write()
  // Partitions are dealt out in the order of the members' names.
  const inner = await openKafka(cluster.kafka)
  const client: KafkaClient = {
    name: 'last',
    admin: () => inner.admin(),
    producer: () => inner.producer(),
    transactional: (id, timeout) => inner.transactional(id, timeout),
    consumer: (options) => inner.consumer({ ...options, clientId: 'zz' }),
    close: () => inner.close(),
  }
  const surplus = archive({ ...options, untilQuiet: 1 }, { signal: stop.signal, client })
  try {
    let isOver = false
    void surplus.then(() => {
      isOver = true
    })
    await until('it ends', () => isOver)
    const files = (await readdir(to, { recursive: true })).filter((name) => name.endsWith('.parquet'))
    assert.equal(files.length, 1, 'what others had to write is written')
  } finally {
    stop.abort()
    await Promise.all([surplus, ...others])
  }
  const counts = await Promise.all([surplus, ...others])
  assert.deepEqual(
    counts.map(({ records }) => records).sort((a, b) => a - b),
    [0, 0, RECORDS],
  )
})
