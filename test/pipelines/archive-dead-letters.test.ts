import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ArchiveOptions, archive } from '../../pipelines/archive.js'
import type { EmbeddingRecord } from '../../src/connect/kafka/records.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { ownTopics } from './consume/support.js'

const DIGEST = 'ab'.repeat(32)

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-buried-'))
})
after(() => rm(dir, { recursive: true, force: true }))

/** Embeddings in one partition, by how many bytes their vector of one number has: 4 is sound, 3 is not. */
const archived = (...lengths: number[]) =>
  archivedOf(lengths.map((length) => ({ vector: Buffer.alloc(length) })))

async function archivedOf(given: readonly Partial<EmbeddingRecord>[]) {
  const { prefix, cluster, send, all } = await ownTopics(1)
  const wire = new Wire({ prefix })
  const clip = { source: 's', clip_index: 0, start: 0, end: 1, frame_times: [0] }
  const values = given.map((own, n) =>
    wire.encode('embedding', {
      ...{ ...clip, clip_id: `c${n}`, model_digest: DIGEST, sampling: 'uniform-1', dim: 1 },
      ...{ vector: Buffer.alloc(4), ...own },
    }),
  )
  const topic = `${prefix}embeddings`
  await send((await Promise.all(values)).map((value) => ({ topic, key: 's', value, headers: {} })))
  const to = join(dir, prefix)
  const options: ArchiveOptions = {
    ...{ ...cluster, group: `${prefix}archive`, to, rollRecords: 100, rollTime: 3600 },
    ...{ sessionTimeout: 6, untilQuiet: 1 },
  }
  const letters = async (): Promise<number> => (await all('dead-letter')).length
  return { options, to, letters }
}

test('bad records after the last good one are dead letters once, however often the archive is started', async () => {
  const { options, letters } = await archived(4, 3, 3)
  const counts = async () => {
    const { records, deadLetters } = await archive(options)
    return [records, deadLetters]
  }
  assert.deepEqual(await counts(), [1, 2])
  assert.deepEqual(await counts(), [0, 0])
  assert.equal(await letters(), 2)
})

test('so are those behind good ones whose file could not be written', async () => {
  const { options, to, letters } = await archived(4, 3, 4, 3)
  const blocked = join(to, 'embeddings', `model=${DIGEST.slice(0, 12)}`, 'sample=uniform-1')
  await mkdir(dirname(blocked), { recursive: true })
  await writeFile(blocked, 'no folder')
  await assert.rejects(archive(options), { code: 'OUTPUT_WRITE' })
  assert.equal(await letters(), 2)
  await rm(blocked)
  const { records, deadLetters } = await archive(options)
  assert.deepEqual([records, deadLetters], [2, 0])
  assert.equal(await letters(), 2)
})

test('no name in a record leads out of the archive', async () => {
  const { options, to, letters } = await archivedOf([
    { model_digest: '/../../../..' },
    { sampling: '/../../../out' },
    {},
  ])
  const { records, deadLetters } = await archive(options)
  assert.deepEqual([records, deadLetters, await letters()], [1, 2, 2])
  assert.deepEqual(
    (await readdir(to)).filter((name) => name !== 'embeddings' && !name.startsWith('.')),
    [],
  )
})
