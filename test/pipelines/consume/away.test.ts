import assert from 'node:assert/strict'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { LabelsRecord } from '../../../src/connect/kafka/records.js'
import { renderVideo } from '../../../src/media/encode.js'
import { clipRecords } from '../../harness/feed.js'
import { S3Fault } from '../../support/s3-fault.js'
import { S3Server } from '../../support/s3-server.js'
import { ownTopics, running, until } from './support.js'

const SECONDS = 2

let dir: string
let server: S3Server
let proxy: S3Fault
before(async () => {
  // What the SDK does by itself takes long otherwise.
  process.env.AWS_MAX_ATTEMPTS = '2'
  dir = await mkdtemp(join(tmpdir(), 'stanflow-away-'))
  server = await S3Server.start()
  proxy = await S3Fault.start(server.endpoint)
  const filter = `testsrc2=size=96x72:rate=10:duration=${SECONDS}`
  await renderVideo(join(dir, 'v.mp4'), { filter, codec: 'h264' })
})
after(async () => {
  await proxy.stop()
  await server.stop()
  await rm(dir, { recursive: true, force: true })
})

/** A bucket with these objects, each the same video. */
async function bucketOf(...keys: string[]): Promise<string> {
  const bucket = await server.bucket()
  for (const key of keys) await copyFile(join(dir, 'v.mp4'), server.file(bucket, key))
  return bucket
}

const sources = (labels: readonly { readonly value: unknown }[]): readonly string[] =>
  labels.map(({ value }) => (value as LabelsRecord).source)

describe('while one bucket is away', () => {
  test('videos of others and clips go on, then it is told that all waits, then its own come', async () => {
    const { prefix, consuming, send, ask, all } = await ownTopics(2)
    const [away, there] = [await bucketOf('a.mp4', 'b.mp4'), await bucketOf('c.mp4')]
    const clips = (await clipRecords(prefix, 3)).records.map((record) => ({ ...record, partition: 1 }))
    await send([
      await ask('a.mp4', `s3://${away}/a.mp4`, 0),
      await ask('b.mp4', `s3://${away}/b.mp4`, 0),
      await ask('c.mp4', `s3://${there}/c.mp4`, 1),
      ...clips,
    ])
    proxy.fails = (path) => path.startsWith(`/${away}`)
    const s3 = { ...server.settings, endpoint: proxy.endpoint }
    const { done, stop, waiting } = running({ ...consuming, s3 })
    await until('what others ask for', async () => (await all('labels')).length >= SECONDS + clips.length)
    assert.deepEqual(
      [...new Set(sources(await all('labels')))].filter((source) => source.endsWith('.mp4')),
      ['c.mp4'],
    )
    await until('it says that nothing goes on, and why', () => /S3_UNAVAILABLE/.test(waiting() ?? ''))
    proxy.fails = () => false
    await until('its own', async () => (await all('labels')).length >= 3 * SECONDS + clips.length)
    await until('it is ready again', () => waiting() === undefined)
    stop()
    const { clips: count, deadLetters } = await done
    assert.deepEqual([count, deadLetters], [3 * SECONDS + clips.length, 0])
  })
})

describe('an object that its server never hands out', () => {
  test('goes to the dead letters after some patience, and its partition goes on', async () => {
    const { consuming, send, ask, all } = await ownTopics(1)
    const bucket = await bucketOf('stuck.mp4', 'sound.mp4')
    await send([
      await ask('stuck.mp4', `s3://${bucket}/stuck.mp4`, 0),
      await ask('sound.mp4', `s3://${bucket}/sound.mp4`, 0),
    ])
    proxy.fails = (path) => path.endsWith('stuck.mp4')
    const s3 = { ...server.settings, endpoint: proxy.endpoint }
    const { done, stop } = running({ ...consuming, s3, patience: 1 })
    await until('the one after it', async () => (await all('labels')).length >= SECONDS)
    stop()
    assert.equal((await done).deadLetters, 1)
    const letters = (await all('dead-letter')).map(({ key, value }) => [
      key,
      (value as { readonly code: string }).code,
    ])
    assert.deepEqual(letters, [['stuck.mp4', 'S3_UNAVAILABLE']])
    assert.deepEqual([...new Set(sources(await all('labels')))], ['sound.mp4'])
  })
})
