import assert from 'node:assert/strict'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { consume } from '../../../pipelines/consume.js'
import { parseNote } from '../../../src/connect/kafka/delivery/note.js'
import { openKafka } from '../../../src/connect/kafka/open.js'
import { clipRecords } from '../../harness/feed.js'
import { ownTopics, running, until } from './support.js'

const ENDINGS = 4

test('a consumer that ends on an error has died at no record, however often', async () => {
  const { prefix, kafka, consuming, send, all } = await ownTopics(2)
  const topic = `${prefix}embeddings`
  const admin = new kafkajs.Kafka({ brokers: [...kafka.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  const most = async (bytes: number): Promise<void> => {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          ...{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic },
          configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
        },
      ],
    })
  }
  const client = await openKafka(kafka)
  try {
    const { records } = await clipRecords(prefix, 6)
    await send(records.map((record, n) => ({ ...record, partition: n % 2 })))
    // No result fits: what a consumer begins with ends it.
    await most(100)
    for (let n = 0; n < ENDINGS; n++) await assert.rejects(consume(consuming), { code: 'KAFKA_TOO_LARGE' })
    const checkpoints = await (await client.admin()).checkpoints(consuming.group, `${prefix}clips`)
    const notes = checkpoints.map(({ metadata }) => parseNote(metadata))
    assert.deepEqual(
      notes.map(({ deaths, by }) => [deaths, by]),
      notes.map(() => [0, undefined]),
    )
    await most(1_000_000)
    const { done, stop } = running(consuming)
    await until('results', async () => (await all('labels')).length >= records.length)
    stop()
    const { clips, deadLetters } = await done
    assert.deepEqual([clips, deadLetters], [records.length, 0])
  } finally {
    await admin.disconnect()
    await client.close()
  }
})
