import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rules } from '../../pipelines/rules.js'
import { parseRules } from '../../src/config/rules.js'
import { Intake } from '../../src/connect/kafka/delivery/intake.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { Metrics } from '../../src/telemetry/metrics.js'
import { ownTopics, until } from './consume/support.js'

const RULES = '[{name: fall, label: falls, threshold: 0.6, open-after: 2, close-after: 2}]'

test('rules with nothing to do have no lag, though a mark of a transaction is the last of the log', async () => {
  const { prefix, cluster } = await ownTopics(1)
  const topic = `${prefix}labels`
  const group = `${prefix}rules`
  const client = await openKafka(cluster.kafka)
  const admin = await client.admin()
  const value = await new Wire({ prefix }).encode('label', {
    ...{ clip_id: 'c', source: 'camera:a', clip_index: 0, start: 0, end: 4 },
    labels: [{ label: 'falls', score: 0.9, similarity: 0.3 }],
    ...{ model_digest: 'a'.repeat(64), sampling: 'window-12-4s-1s', label_set: 'b'.repeat(64) },
  })
  const producer = await client.transactional(`${prefix}labels-producer`, 10_000)
  const write = async (): Promise<void> => {
    const transaction = await producer.begin()
    await transaction.send([{ topic, key: 'camera:a', value, headers: {} }])
    await transaction.commit()
  }
  await write()
  const stop = new AbortController()
  const metrics = new Metrics({ process: false })
  const running = rules(
    {
      ...{ ...cluster, rules: parseRules(RULES, 'rules.yaml'), group },
      ...{ sessionTimeout: 6, attempts: 3, late: 3600 },
    },
    { metrics, signal: stop.signal },
  )
  running.catch(() => undefined)
  // A broker that has just begun has no coordinator for the group at first.
  const committed = async () => (await admin.checkpoints(group, topic).catch(() => []))[0]?.offset
  const told = async () =>
    /^stanflow_lag\{.*\} (\d+)$/m.exec(await metrics.registry.getSingleMetricAsString('stanflow_lag'))?.[1]
  try {
    for (const end of [2n, 4n]) {
      await until(`no lag at ${end}`, async () => (await committed()) !== undefined && (await told()) === '0')
      // KEDA, and whoever else asks the broker.
      await until(`the group at ${end}`, async () => (await committed()) === end)
      assert.equal((await admin.ranges(topic))[0]?.high, end)
      assert.equal(await told(), '0')
      if (end === 2n) await write()
    }
  } finally {
    stop.abort()
    assert.equal((await running).clips, 2)
    await client.close()
  }
})

test('the lag of a partition that is full grows with its log, and is gone once all is done', async () => {
  const { prefix, cluster, send } = await ownTopics(1)
  const topic = `${prefix}labels`
  const group = `${prefix}full`
  const client = await openKafka(cluster.kafka)
  const admin = await client.admin()
  const intake = await Intake.open({
    ...{ client, admin, group, topics: [topic], me: `${prefix}me`, recipe: 'none', attempts: 3 },
    ...{ sessionTimeout: 6000, transactionTimeout: 60_000 },
  })
  let isHeld = true
  const held: Work[] = []
  const working = (async () => {
    for await (const work of intake.works()) {
      if (isHeld) held.push(work)
      else work.end()
    }
  })()
  const many = (count: number) =>
    Array.from({ length: count }, () => ({ topic, key: 'k', value: Buffer.from('x'), headers: {} }))
  const lag = () => intake.lanes[0]?.lag
  try {
    await send(many(300))
    await until('a full queue', () => (intake.lanes[0]?.queued ?? 0) >= 64)
    await send(many(400))
    await until('the whole lag', () => lag() === 700)
    isHeld = false
    for (const work of held) work.end()
    await until('all done', () => lag() === 0)
    assert.equal((await admin.checkpoints(group, topic))[0]?.offset, 700n)
  } finally {
    await intake.close()
    await working
    await client.close()
  }
})
