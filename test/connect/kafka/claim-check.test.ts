import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Places } from '../../../pipelines/places.js'
import { ClaimCheck, valueLimit, withFrames } from '../../../src/connect/kafka/claim-check.js'
import { openKafka } from '../../../src/connect/kafka/open.js'
import type { ClipRecord } from '../../../src/connect/kafka/records.js'
import { Wire } from '../../../src/connect/kafka/wire.js'
import { sharedBroker, sharedRegistry, topicPrefix } from '../../support/kafka.js'
import { S3Server } from '../../support/s3-server.js'

const LIMIT = 2000
const CLIP: ClipRecord = {
  ...{ clip_id: 'c', source: 'camera:door', clip_index: 0, start: 1, end: 2, frame_times: [1, 1.5] },
  frames: [Buffer.alloc(1500, 1), Buffer.alloc(1700, 2)],
}

let dir: string
let s3: S3Server
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-claim-'))
  s3 = await S3Server.start()
})
after(async () => {
  await s3.stop()
  await rm(dir, { recursive: true, force: true })
})

describe('pictures that are too large for their topic', () => {
  for (const [kind, where] of [
    ['a folder', async () => join(dir, 'clips')],
    ['a bucket', async () => `s3://${await s3.bucket()}/clips`],
  ] as const) {
    test(`go to ${kind} and come back, in JSON and Avro`, async () => {
      const places = new Places(s3.settings)
      const place = places.results(await where())
      for (const registry of [undefined, await sharedRegistry()]) {
        const wire = new Wire({ prefix: topicPrefix(), ...(registry !== undefined && { registry }) })
        const check = new ClaimCheck({ wire, limit: LIMIT, place })
        const value = await check.encode(CLIP)
        assert.ok(value.length < LIMIT)
        const record = await wire.decode('clip', value)
        assert.deepEqual(record.frames, [])
        const whole = await withFrames(record, (uri, bytes) => places.read(uri, bytes))
        assert.deepEqual(whole.frames, CLIP.frames)
        assert.deepEqual(await check.encode(CLIP), value, 'a second try says the same')
        const small = { ...CLIP, frames: [Buffer.alloc(10), Buffer.alloc(10)] }
        const kept = await wire.decode('clip', await check.encode(small))
        assert.deepEqual(kept.frames, small.frames)
      }
      await places.close()
    })
  }

  test('are an error that says what to do where they have no place', async () => {
    const check = new ClaimCheck({ wire: new Wire({ prefix: 'x.' }), limit: LIMIT })
    await assert.rejects(check.encode(CLIP), { code: 'KAFKA_TOO_LARGE', hint: /--clips-to/ })
  })

  test('are not taken where they are gone or are others', async () => {
    const places = new Places()
    const wire = new Wire({ prefix: 'x.' })
    const check = new ClaimCheck({ wire, limit: LIMIT, place: places.results(join(dir, 'changing')) })
    const record = await wire.decode('clip', await check.encode(CLIP))
    const read = (uri: string, bytes: number): Promise<Uint8Array> => places.read(uri, bytes)
    const path = record.claim?.uri ?? ''
    await writeFile(path, Buffer.alloc(3200, 7))
    await assert.rejects(withFrames(record, read), { code: 'INPUT_CHANGED' })
    await rm(path)
    await assert.rejects(withFrames(record, read), { code: 'INPUT_NOT_FOUND' })
    const elsewhere = { ...record, claim: { uri: 'http://example.org/a', sizes: [1], sha256: '' } }
    await assert.rejects(withFrames(elsewhere, read), { code: 'KAFKA_SCHEMA' })
  })
})

test('a topic tells what it takes, and takes it', async () => {
  const client = await openKafka({ brokers: [(await sharedBroker()).plain], compression: 'none' })
  try {
    const admin = await client.admin()
    const topic = `${topicPrefix()}clips`
    await admin.createTopics([{ topic, partitions: 1, config: { 'max.message.bytes': '300000' } }])
    const limit = await valueLimit(admin, topic)
    const producer = await client.producer()
    const record = { topic, key: 'k', headers: { ce_id: 'c' } }
    await producer.send([{ ...record, value: Buffer.alloc(limit) }])
    await assert.rejects(producer.send([{ ...record, value: Buffer.alloc(300_001) }]), {
      code: 'KAFKA_TOO_LARGE',
    })
  } finally {
    await client.close()
  }
})
