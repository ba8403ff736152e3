import assert from 'node:assert/strict'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { indexMoments, useModel } from '../../pipelines/index-moments.js'
import { openModel } from '../../pipelines/open-model.js'
import { createTopics } from '../../pipelines/topics.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { MomentIndex } from '../../src/search/moment-index.js'
import type { Found, Health } from '../../src/server/schemas.js'
import { inFolder } from '../connect/files/support.js'
import { embeddingRecord, outgoing, unitVector } from '../search/records.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'
import { ask, serving } from './support.js'

async function modelInfo(structure: string) {
  const { model } = await openModel({
    ...{ model: 'default', structure, engine: 'auto', device: 'auto', precision: 'fp32' },
    ...{ sampling: { kind: 'uniform', frames: 4 }, batch: 1, concurrency: 1 },
  })
  await model.close()
  return model.info
}

test('an index that others fill, and whose model they change, is searched as it is by now, without a restart', () =>
  inFolder(async (dir) => {
    const kafka = { kafka: { brokers: [(await sharedBroker()).plain] }, prefix: topicPrefix() }
    await createTopics({ ...kafka, partitions: 2 })
    const [old, newer] = [await modelInfo('auto'), await modelInfo('mean')]
    const to = join(dir, 'index')
    const client = await openKafka(kafka.kafka)
    const producer = await client.producer()
    const send = async (count: number, from: number, { digest, dim } = old): Promise<void> => {
      const records = Array.from({ length: count }, (_, n) => {
        const vector = Buffer.from(unitVector(from + n, dim).buffer)
        return { clip: { ...embeddingRecord(from + n, digest), dim, vector } }
      })
      await producer.send(await outgoing(kafka.prefix, records))
    }
    const index = async (clips: number, beside = false): Promise<void> => {
      // Where the machine has much to do, the first records may come later than that.
      for (let added = 0; added < clips; ) {
        added += (await indexMoments({ from: 'kafka://', to, kafka, beside, untilQuiet: 2 })).added
      }
    }
    await send(3, 0)
    await index(3)
    const { shown, stop } = await serving({ kafka, search: { index: to } })
    // An open page has the server look how the jobs fare.
    const page = request(`${shown.address}/api/stream`, (answer) => answer.resume()).on(
      'error',
      () => undefined,
    )
    page.end()
    const until = async (met: (health: Health) => boolean): Promise<Health> => {
      let health: Health | undefined
      for (let n = 0; n < 600; n++) {
        health = (await ask(shown.address, '/api/health')).json() as Health
        if (met(health)) return health
        await sleep(100)
      }
      throw new Error(JSON.stringify(health))
    }
    const lagOf = ({ kafka: broker }: Health): number | undefined =>
      broker?.groups.find(({ group, topic }) => group === 'index' && topic.endsWith('embeddings'))?.lag
    try {
      await until((health) => /^3 clips/.test(health.search.what) && lagOf(health) === 0)
      await send(2, 3)
      await until((health) => lagOf(health) === 2)
      await index(2)
      await until((health) => /^5 clips/.test(health.search.what) && lagOf(health) === 0)

      await send(1, 5, newer)
      await index(1, true)
      const moments = await MomentIndex.open({ location: to })
      const { digest, dim } = newer
      await moments.addModel({ digest, dim, name: 'default', structure: 'mean' })
      moments.close()
      await useModel({ to }, digest)
      await until(({ search }) => search.ready && /^1 clips? by default \+ mean/.test(search.what))
      const found = (await ask(shown.address, '/api/search?q=a+red+ball')).json() as Found
      assert.deepEqual([found.model, found.moments.length], ['default + mean', 1])
    } finally {
      page.destroy()
      await stop()
      await client.close()
    }
  }))
