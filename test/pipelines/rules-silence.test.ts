import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rules } from '../../pipelines/rules.js'
import { tail } from '../../pipelines/tail.js'
import { createTopics } from '../../pipelines/topics.js'
import { parseRules } from '../../src/config/rules.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import type { EventRecord, LabelsRecord } from '../../src/connect/kafka/records.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'

const WAIT_MS = 90_000
const RULES = `
- {name: fall, label: falls, threshold: 0.6, open-after: 2, close-after: 2, gap-after: 1s}
- {name: held, label: falls, threshold: 0.6, open-after: 2, close-after: 2, gap-after: 1s, gap: hold}
`

test('what goes on at a camera that is silent for ever is closed once, by whoever has its partition then', async () => {
  const prefix = topicPrefix()
  const cluster = { kafka: { brokers: [(await sharedBroker()).plain] }, prefix }
  await createTopics({ ...cluster, partitions: 1 })
  const client = await openKafka(cluster.kafka)
  const producer = await client.producer()
  const wire = new Wire({ prefix })
  const say = async (source: string, from: number): Promise<void> => {
    for (let n = from; n < from + 3; n++) {
      const record: LabelsRecord = {
        ...{ clip_id: `${source} ${n}`, source, clip_index: n, start: n, end: n + 4 },
        labels: [{ label: 'falls', score: 0.9, similarity: 0.3 }],
        ...{ model_digest: 'a'.repeat(64), sampling: 'window-12-4s-1s', label_set: 'b'.repeat(64) },
      }
      const value = await wire.encode('label', record)
      await producer.send([{ topic: `${prefix}labels`, key: source, value, headers: {} }])
    }
  }
  const events = async (): Promise<EventRecord[]> => {
    const found: EventRecord[] = []
    const all = { ...cluster, topics: ['events'], from: 'beginning', toEnd: true } as const
    for await (const { value } of tail(all)) found.push(value as EventRecord)
    return found
  }
  /** Rules at work until so many events are there. */
  const work = async (late: number, count: number): Promise<void> => {
    const stop = new AbortController()
    const running = rules(
      {
        ...{ ...cluster, rules: parseRules(RULES, 'rules.yaml'), group: `${prefix}rules` },
        ...{ sessionTimeout: 6, attempts: 3, late },
      },
      { signal: stop.signal },
    )
    running.catch(() => undefined)
    const deadline = Date.now() + WAIT_MS
    try {
      while ((await events()).length < count) {
        assert.ok(Date.now() < deadline, `${JSON.stringify(await events())} in time`)
        await sleep(200)
      }
    } finally {
      stop.abort()
      await running
    }
  }
  const shown = async () =>
    (await events()).map(({ source, rule, kind, end }) => [source, rule, kind, end].join(' '))
  try {
    await say('camera:gone', 1000)
    await say('video.mp4', 0)
    await work(3600, 4)
    const opened = await shown()
    assert.ok(opened.every((one) => one.includes('rule-opened')))
    // Another process, which hears nothing of the camera at all.
    await work(1, 5)
    assert.deepEqual(await shown(), [...opened, 'camera:gone fall rule-closed 1006'])
    // It is not told again, and the camera may begin anew.
    await say('camera:gone', 2000)
    await work(1, 7)
    const after = (await shown()).slice(5)
    assert.deepEqual(after, ['camera:gone fall rule-opened ', 'camera:gone fall rule-closed 2006'])
  } finally {
    await client.close()
  }
})
