import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ConsumeOptions } from '../../pipelines/consume.js'
import { tail } from '../../pipelines/tail.js'
import { createTopics } from '../../pipelines/topics.js'
import { CLIENT_NAMES, type ClientName, openKafka } from '../../src/connect/kafka/open.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'
import { clipRecords, FRAMES } from './feed.js'
import { Fleet } from './fleet.js'

const SLOW = fileURLToPath(new URL('./slow-consumer.js', import.meta.url))
const CLIPS = 40
const STOPS_AT = 1
const WAIT_MS = 60_000

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not in time`)
    await sleep(200)
  }
}

/**
 * A consumer is stopped with results on the way, another takes its partition over once its session is over and does all
 * the work, and then the first goes on where it stopped. Answers with how often each clip has results, read committed.
 */
async function zombie(name: ClientName, transactions: boolean): Promise<readonly number[]> {
  const { plain } = await sharedBroker()
  const prefix = topicPrefix()
  const kafka = { brokers: [plain], client: name }
  await createTopics({ kafka, prefix, partitions: 1 })
  const client = await openKafka(kafka)
  const { records } = await clipRecords(prefix, CLIPS)
  await (await client.producer()).send(records)
  await client.close()
  const options: ConsumeOptions = {
    ...{ kafka, prefix, group: `${prefix}consume`, model: 'default', structure: 'auto', engine: 'onnx' },
    ...{ device: 'cpu', precision: 'fp32', reader: 'auto', labels: ['a cat'], prompts: ['{}'], top: 1 },
    ...{ sampling: { kind: 'uniform', frames: FRAMES }, batch: 4, concurrency: 2, batchDeadline: 0.05 },
    ...{ sessionTimeout: 3, attempts: 1000 },
  }
  const counts = async (): Promise<number[]> => {
    const times = new Map<string, number>()
    const reading = { kafka, prefix, topics: ['labels'] as const, from: 'beginning', toEnd: true } as const
    for await (const { headers } of tail(reading)) {
      const id = headers.ce_id ?? ''
      times.set(id, (times.get(id) ?? 0) + 1)
    }
    return [...times.values()]
  }
  const fleet = new Fleet()
  const crew = (who: string, more: object) => {
    const args = [SLOW, JSON.stringify({ options, transactions, ...more })]
    return { name: who, args, env: process.env }
  }
  try {
    fleet.start(crew('zombie', { stopsAt: STOPS_AT }))
    await until('it stops', async () => (await stateOf(fleet.pid('zombie'))) === 'T')
    fleet.start(crew('heir', {}))
    await until('the heir does the work', async () => (await counts()).length === CLIPS)
    fleet.signal('zombie', 'SIGCONT')
    // It has noticed, one way or the other, once it has joined anew or a transaction of its came to nothing.
    const joined = fleet.counts.assignments
    await until('it is back', () => fleet.counts.assignments > joined)
    await sleep(1000)
  } finally {
    fleet.signal('zombie', 'SIGCONT')
    await fleet.stop()
  }
  return counts()
}

/** A process's state as /proc has it: T is stopped. */
async function stateOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).charAt(0)
}

describe('a consumer that was stopped past its session timeout', () => {
  for (const name of CLIENT_NAMES) {
    test(`writes nothing twice when it goes on, with ${name}`, async () => {
      const counts = await zombie(name, true)
      assert.deepEqual(counts, Array(CLIPS).fill(1))
    })
  }

  test('would without transactions, and this test sees it', async () => {
    const counts = await zombie('kafkajs', false)
    assert.equal(counts.length, CLIPS)
    assert.ok(
      counts.some((times) => times > 1),
      'no result came twice',
    )
  })
})
