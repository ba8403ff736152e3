import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type IndexSummary, indexModels, indexMoments } from '../../pipelines/index-moments.js'
import { openIndex } from '../../pipelines/search.js'
import { createTopics } from '../../pipelines/topics.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { inFolder } from '../connect/files/support.js'
import { killIndexer } from '../harness/index-kills.js'
import {
  clipId,
  DIM,
  embeddingRecord,
  labelsRecord,
  MODEL,
  OTHER_MODEL,
  outgoing,
} from '../search/records.js'
import { start } from '../support/cli.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'

let broker: string
before(async () => {
  broker = (await sharedBroker()).plain
})

const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted

async function withTopics(
  use: (to: {
    readonly prefix: string
    send: (records: Parameters<typeof outgoing>[1]) => Promise<void>
  }) => Promise<void>,
): Promise<void> {
  const prefix = topicPrefix()
  const kafka = { brokers: [broker] }
  await createTopics({ kafka, prefix, partitions: 2 })
  const client = await openKafka(kafka)
  try {
    const producer = await client.producer()
    await use({ prefix, send: async (records) => producer.send(await outgoing(prefix, records)) })
  } finally {
    await client.close()
  }
}

test('killed -9 while it follows the topics, the index ends with every clip once and with its labels', () =>
  inFolder(async (dir) => {
    const outcome = await killIndexer({
      ...{ brokers: broker, prefix: topicPrefix(), to: join(dir, 'index'), clips: 2000, kills: 4 },
    })
    assert.deepEqual([outcome.rows, outcome.distinct], [2000, 2000])
    assert.deepEqual([outcome.missing, outcome.mislabelled], [[], []])
  }))

test('another model in the topic stops the indexer, with what came before it kept; beside it goes on, losing nothing', () =>
  inFolder((dir) =>
    withTopics(async ({ prefix, send }) => {
      const to = join(dir, 'index')
      const options = {
        from: 'kafka://',
        to,
        kafka: { kafka: { brokers: [broker] }, prefix },
        untilQuiet: 1.5,
      }
      await send([1, 11, 21].map((n) => ({ clip: embeddingRecord(n) })))
      await send([{ clip: embeddingRecord(1, OTHER_MODEL) }])
      await assert.rejects(indexMoments(options), code('INDEX_MODEL'))
      assert.deepEqual(
        (await indexModels({ to })).map(({ clips }) => clips),
        [3],
      )
      await indexMoments({ ...options, beside: true })
      const models = await indexModels({ to })
      assert.deepEqual(
        models.map(({ digest, clips, searched }) => [digest === MODEL, clips, searched]).sort(),
        [
          [false, 1, false],
          [true, 3, true],
        ],
      )
    }),
  ))

test('embeddings whose numbers are not as many as they say, or as their model has, are passed over', () =>
  inFolder((dir) =>
    withTopics(async ({ prefix, send }) => {
      const good = embeddingRecord(1)
      const hostile = [
        ...[-1, 0, DIM + 1, 2 ** 31 - 1].map((dim) => ({ ...good, dim })),
        { ...good, dim: 2, vector: good.vector.subarray(0, 8) },
        { ...good, model_digest: `${MODEL.slice(0, 12)}${OTHER_MODEL.slice(12)}` },
      ]
      await send([{ clip: good }])
      await send(hostile.map((clip, n) => ({ clip: { ...clip, clip_id: clipId(100 + n) } })))
      await send([{ clip: embeddingRecord(2) }, { labels: labelsRecord(2) }])
      const to = join(dir, 'index')
      const kafka = { kafka: { brokers: [broker] }, prefix }
      const options = { from: 'kafka://', to, kafka, untilQuiet: 1.5, beside: true }
      const { added, read, unreadable } = await indexMoments(options)
      assert.deepEqual([added, read, unreadable], [2, 9, hostile.length])
      const models = await indexModels({ to })
      assert.deepEqual(
        models.map(({ digest, dim, clips }) => [digest, dim, clips]),
        [[MODEL, DIM, 2]],
      )
    }),
  ))

test('labels that come before their clip, after it, or anew, are the ones it has', () =>
  inFolder((dir) =>
    withTopics(async ({ prefix, send }) => {
      const to = join(dir, 'index')
      const options = {
        from: 'kafka://',
        to,
        kafka: { kafka: { brokers: [broker] }, prefix },
        untilQuiet: 1.5,
      }
      await send([{ labels: labelsRecord(3) }, { clip: embeddingRecord(13) }])
      const first = await indexMoments(options)
      assert.deepEqual([first.added, first.read], [1, 2])
      await send([{ clip: embeddingRecord(3) }, { labels: labelsRecord(13) }])
      const second = await indexMoments(options)
      assert.deepEqual([second.added, second.changed, second.read], [1, 1, 2])
      await send([
        {
          labels: { ...labelsRecord(13, 'newer'), labels: [{ label: 'a bird', score: 1, similarity: 0.4 }] },
        },
      ])
      assert.equal((await indexMoments(options)).changed, 1)
      const index = await openIndex({ index: to })
      const timeline = await index.timeline('camera:3')
      await index.close()
      assert.deepEqual(
        timeline.map((clip) => [clip.clipId, clip.labels[0]?.label]),
        [
          [clipId(3), 'a cat'],
          [clipId(13), 'a bird'],
        ],
      )
    }),
  ))

test('SIGTERM ends the follower in order: what it has read is in the index, and it says how much', () =>
  inFolder((dir) =>
    withTopics(async ({ prefix, send }) => {
      const to = join(dir, 'index')
      const running = start([
        'index',
        '--from',
        `kafka://${broker}`,
        '--to',
        to,
        '--prefix',
        prefix,
        '--json',
      ])
      await send([1, 2, 3].map((n) => ({ clip: embeddingRecord(n) })))
      const deadline = Date.now() + 60_000
      for (let clips = 0; clips < 3; ) {
        if (Date.now() > deadline) throw new Error('nothing came into the index')
        await sleep(300)
        clips = await indexModels({ to }).then(
          ([model]) => model?.clips ?? 0,
          () => 0,
        )
      }
      running.child.kill('SIGTERM')
      const { code: status, stdout } = await running.finished
      assert.equal(status, 0)
      const { added, read, drained } = JSON.parse(stdout) as IndexSummary
      assert.deepEqual([added, read, drained], [3, 3, true])
    }),
  ))
