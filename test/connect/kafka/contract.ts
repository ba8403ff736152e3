import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Admin,
  ConsumedRecord,
  Consumer,
  KafkaClient,
  OutgoingRecord,
  TopicPartition,
} from '../../../src/connect/kafka/client.js'
import { type ClientName, openKafka } from '../../../src/connect/kafka/open.js'
import { COMPRESSIONS, type KafkaSettings } from '../../../src/connect/kafka/settings.js'
import { StanflowError } from '../../../src/errors.js'
import { sharedBroker, topicPrefix } from '../../support/kafka.js'

const WAIT_MS = 90_000

export async function until(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`)
    await sleep(20)
  }
}

const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof StanflowError, String(error))
  assert.equal(error.code, expected, error.message)
  return true
}

const record = (topic: string, value: string, more: Partial<OutgoingRecord> = {}): OutgoingRecord => ({
  ...{ topic, key: null, headers: {}, value: Buffer.from(value) },
  ...more,
})

/** What stanflow relies on, of any client, against the real broker. */
export function contract(name: ClientName): void {
  describe(`${name} and a real broker`, () => {
    const prefix = topicPrefix()
    let settings: KafkaSettings
    let client: KafkaClient
    let admin: Admin
    before(async () => {
      settings = { brokers: [(await sharedBroker()).plain] }
      client = await openKafka(settings, name)
      admin = await client.admin()
    })
    const members: Consumer[] = []
    // After a failure too: a member that is left keeps this process alive until somebody ends it.
    after(async () => {
      await Promise.all(members.map((member) => member.stop()))
      await client?.close()
    })

    let topics = 0
    const topic = async (partitions = 1, config = {}): Promise<string> => {
      const spec = { topic: `${prefix}topic-${topics++}`, partitions, config }
      await admin.createTopics([spec])
      return spec.topic
    }

    /** Joins a group and starts every partition it is given where the group stands. */
    const join = async (group: string, ...names: string[]) => {
      const got: (TopicPartition & ConsumedRecord)[] = []
      let held: readonly TopicPartition[] = []
      let consumer: Consumer | undefined
      let assignments = 0
      let reached = 0n
      const begin = async (partitions: readonly TopicPartition[]): Promise<void> => {
        const fresh = partitions.filter(
          (at) => !held.some(({ topic, partition }) => topic === at.topic && partition === at.partition),
        )
        held = partitions
        for (const at of fresh) {
          const [stood] = (await admin.checkpoints(group, at.topic)).filter(
            ({ partition }) => partition === at.partition,
          )
          await until(() => consumer !== undefined, 'joined')
          consumer?.start(at, stood?.offset ?? 0n)
        }
      }
      consumer = await client.consumer({
        group,
        topics: names,
        clientId: `${group}-member`,
        sessionTimeout: 6000,
        events: {
          assigned: (partitions) => {
            assignments++
            void begin(partitions)
          },
          records: ({ topic, partition, records }) =>
            got.push(...records.map((one) => ({ topic, partition, ...one }))),
          reached: (_, offset) => {
            reached = offset
          },
          failed: (error) => assert.fail(error),
        },
      })
      members.push(consumer)
      const values = () => got.map(({ value }) => String(value))
      return {
        consumer,
        got,
        values,
        held: () => held,
        assignments: () => assignments,
        reached: () => reached,
      }
    }

    test('topics are created once, with their configuration', async () => {
      const spec = { topic: `${prefix}made`, partitions: 3, config: { 'retention.ms': '1234567' } }
      assert.deepEqual(await admin.createTopics([spec]), [spec.topic])
      assert.deepEqual(await admin.createTopics([spec]), [])
      assert.deepEqual(await admin.describeTopics([spec.topic, `${prefix}not`]), [
        { topic: spec.topic, partitions: 3, replicas: 1 },
      ])
      assert.equal((await admin.topicConfig(spec.topic))['retention.ms'], '1234567')
    })

    test('the cluster has a name of its own', async () => {
      assert.match(await admin.clusterId(), /^[\w-]{22}$/)
    })

    test('records come as they were sent, in every compression', async () => {
      const name_ = await topic()
      const long = 'abc '.repeat(5000)
      for (const compression of COMPRESSIONS) {
        const other = await openKafka({ ...settings, compression }, name)
        const producer = await other.producer()
        await producer.send([record(name_, compression + long, { key: 'k', headers: { ce_id: 'é' } })])
        await other.close()
      }
      const reader = await join(`${prefix}compressions`, name_)
      await until(() => reader.got.length >= COMPRESSIONS.length, 'a record of each')
      await reader.consumer.stop()
      assert.deepEqual(
        reader.values(),
        COMPRESSIONS.map((text) => text + long),
      )
      const { key, headers, offset, timestamp } = reader.got[1] as ConsumedRecord
      assert.deepEqual([String(key), headers, offset], ['k', { ce_id: 'é' }, 1n])
      assert.ok(Math.abs(timestamp - Date.now()) < 60_000)
    })

    test('records come as they were sent where the topic has a compression of its own', async () => {
      // The broker packs them anew, with Java's libraries; more than one of their blocks.
      const value = Array.from({ length: 40_000 }, (_, n) => n.toString(36)).join()
      const names: string[] = []
      for (const type of ['zstd', 'lz4', 'snappy', 'gzip'])
        names.push(await topic(1, { 'compression.type': type }))
      const other = await openKafka({ ...settings, compression: 'none' }, name)
      const producer = await other.producer()
      await producer.send(names.map((name_) => record(name_, name_ + value)))
      await other.close()
      const reader = await join(`${prefix}packed-by-the-broker`, ...names)
      await until(() => reader.got.length >= names.length, 'a record of each')
      await reader.consumer.stop()
      assert.deepEqual(reader.values().sort(), names.map((name_) => name_ + value).sort())
    })

    test('many records that are too large for one request come whole', async () => {
      const name_ = await topic()
      const producer = await client.producer()
      const blob = () => Buffer.from(Array.from({ length: 30_000 }, () => Math.floor(Math.random() * 256)))
      await producer.send(Array.from({ length: 60 }, () => record(name_, '', { value: blob() })))
      assert.equal((await admin.ranges(name_))[0]?.high, 60n)
    })

    test('a transaction is seen whole or not at all, its offsets too', async () => {
      const [from, to] = [await topic(), await topic()]
      const group = `${prefix}txn`
      const reader = await join(`${prefix}txn-reader`, to)
      const aborting = await client.transactional(`${prefix}id`, 30_000)
      const aborted = await aborting.begin()
      await aborted.send([record(to, 'aborted')])
      await aborted.checkpoint(group, [{ topic: from, partition: 0, offset: 3n }])
      await aborted.abort()
      await aborting.close()
      assert.deepEqual(await admin.checkpoints(group, from), [])

      const producer = await client.transactional(`${prefix}id`, 30_000)
      for (const n of [1, 2, 3]) {
        const transaction = await producer.begin()
        await transaction.send([record(to, `committed ${n}`)])
        const at = { topic: from, partition: 0, offset: BigInt(n), metadata: `note ${n}` }
        await transaction.checkpoint(group, [at])
        await transaction.commit()
      }
      await producer.close()
      await until(() => reader.got.length >= 3, 'three records')
      await reader.consumer.stop()
      assert.deepEqual(reader.values(), ['committed 1', 'committed 2', 'committed 3'])
      assert.deepEqual(await admin.checkpoints(group, from), [
        { topic: from, partition: 0, offset: 3n, metadata: 'note 3' },
      ])
    })

    test('how far a reader came is told past marks of transactions, and past what was aborted', async () => {
      const name_ = await topic()
      const reader = await join(`${prefix}reached`, name_)
      const producer = await client.transactional(`${prefix}reached-id`, 30_000)
      for (const [n, end] of (['commit', 'abort', 'commit'] as const).entries()) {
        const transaction = await producer.begin()
        await transaction.send([record(name_, `${n}`)])
        await transaction[end]()
        const high = BigInt(2 * n + 2)
        // A broker writes the mark after it has answered that the transaction is ended.
        await until(async () => (await admin.ranges(name_))[0]?.high === high, `an end at ${high}`)
        await until(() => reader.reached() === high, `reached ${high}`)
      }
      await producer.close()
      reader.consumer.start({ topic: name_, partition: 0 }, 1n)
      await until(() => reader.got.length === 3 && reader.reached() === 6n, 'the same again')
      await reader.consumer.stop()
      assert.deepEqual(reader.values(), ['0', '2', '2'])
    })

    test('a new holder of a transactional id fences the old one and ends what it left open', async () => {
      const [from, to] = [await topic(), await topic()]
      const group = `${prefix}fence`
      const old = await client.transactional(`${prefix}fenced`, 60_000)
      const open = await old.begin()
      await open.send([record(to, 'of the old one')])
      const next = await client.transactional(`${prefix}fenced`, 60_000)
      const transaction = await next.begin()
      await transaction.send([record(to, 'of the new one')])
      await transaction.commit()
      const late = async (): Promise<void> => {
        await open.send([record(to, 'late')])
        await open.checkpoint(group, [{ topic: from, partition: 0, offset: 9n }])
        await open.commit()
      }
      await assert.rejects(late(), code('KAFKA_FENCED'))
      const reader = await join(`${prefix}fence-reader`, to)
      await until(() => reader.got.length >= 1, 'a record')
      await reader.consumer.stop()
      assert.deepEqual(reader.values(), ['of the new one'])
      assert.deepEqual(await admin.checkpoints(group, from), [])
      await Promise.all([old.close(), next.close()])
    })

    test('a paused partition gives nothing, others go on; seeking goes back and forth', async () => {
      const name_ = await topic(2)
      const producer = await client.producer()
      const send = (partition: number, value: string) => producer.send([record(name_, value, { partition })])
      await send(0, 'a0')
      await send(1, 'b0')
      const reader = await join(`${prefix}pause`, name_)
      await until(() => reader.got.length === 2, 'both')
      const [a, b] = [0, 1].map((partition) => ({ topic: name_, partition })) as [
        TopicPartition,
        TopicPartition,
      ]
      reader.consumer.pause(a)
      // What was already on its way may still come; nothing is.
      await sleep(500)
      await send(0, 'a1')
      await send(1, 'b1')
      await until(() => reader.values().includes('b1'), 'the other goes on')
      await sleep(500)
      assert.ok(!reader.values().includes('a1'))
      reader.consumer.resume(a)
      await until(() => reader.values().includes('a1'), 'a1 after all')
      reader.consumer.start(b, 0n)
      await until(() => reader.values().filter((value) => value === 'b0').length === 2, 'b0 again')
      await until(() => reader.values().filter((value) => value === 'b1').length === 2, 'b1 again')
      await reader.consumer.stop()
    })

    test('members share partitions; what one leaves, another takes over where the group stands', async () => {
      const name_ = await topic(2)
      const group = `${prefix}share`
      const producer = await client.producer()
      const one = await join(group, name_)
      await until(() => one.held().length === 2, 'one holds both')
      const two = await join(group, name_)
      await until(() => one.held().length === 1 && two.held().length === 1, 'a partition each')
      assert.notEqual(one.held()[0]?.partition, two.held()[0]?.partition)
      await producer.send([0, 1].map((partition) => record(name_, `first ${partition}`, { partition })))
      await until(() => one.got.length === 1 && two.got.length === 1, 'a record each')
      const { partition } = two.held()[0] as TopicPartition
      const kept = { topic: name_, partition, offset: 1n, metadata: 'kept' }
      await two.consumer.commit([kept])
      assert.deepEqual(await admin.checkpoints(group, name_), [kept])
      assert.equal((await admin.members(group)).length, 2)
      await two.consumer.stop()
      await until(() => one.held().length === 2, 'one holds both again')
      await producer.send([0, 1].map((p) => record(name_, `second ${p}`, { partition: p })))
      await until(() => one.got.length >= 3, 'both')
      await sleep(300)
      await one.consumer.stop()
      assert.deepEqual(one.values().sort(), [`first ${1 - partition}`, 'second 0', 'second 1'])
    })

    test('work that takes longer than the session timeout costs nobody his partitions', async () => {
      const name_ = await topic()
      const reader = await join(`${prefix}long`, name_)
      reader.consumer.pause({ topic: name_, partition: 0 })
      await sleep(8000)
      assert.equal(reader.assignments(), 1)
      await reader.consumer.commit([{ topic: name_, partition: 0, offset: 0n }])
      await reader.consumer.stop()
    })

    test('errors say what is wrong and what to do', async () => {
      const producer = await client.producer()
      await assert.rejects(producer.send([record(`${prefix}nowhere`, 'x')]), code('KAFKA_TOPIC_MISSING'))
      const small = await topic(1, { 'max.message.bytes': '1000' })
      const random = Buffer.from(Array.from({ length: 5000 }, () => Math.floor(Math.random() * 256)))
      await assert.rejects(producer.send([record(small, '', { value: random })]), code('KAFKA_TOO_LARGE'))
      const away = await openKafka({ brokers: ['127.0.0.1:1'] }, name)
      await assert.rejects(away.admin(), code('KAFKA_UNREACHABLE'))
      await away.close()
    })
  })
}
