import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CreateMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3'
import { readDeadLetters, readResults } from '../../../src/connect/files/results.js'
import { openStore, type StoreOptions } from '../../../src/connect/files/store.js'
import { Bucket as Blobs } from '../../../src/connect/s3/bucket.js'
import { StanflowError } from '../../../src/errors.js'
import { clips, RECIPE, sha, sql, store, stored, tree, video } from '../files/support.js'
import { clipsIn, contentIn, nameOf, VIDEOS } from '../files/writer.js'
import { Bucket } from './support.js'

const run = promisify(execFile)
const WRITER = fileURLToPath(new URL('../files/writer.js', import.meta.url))
const A = video('a.mp4')
const B = video('b.mp4')

let bucket: Bucket
let places = 0
before(async () => {
  bucket = await Bucket.make()
})
after(() => bucket.close())

/** A place of its own in the bucket; the server keeps its objects as files in `dir`, where DuckDB reads them. */
function place() {
  const prefix = `out-${places++}`
  const uri = `s3://${bucket.name}/${prefix}`
  const blobs = new Blobs(bucket.s3, uri)
  const open = (options: Partial<StoreOptions> = {}) =>
    openStore({
      ...{ blobs, recipe: RECIPE, format: 'parquet', checkpointSeconds: 3600, version: '0.0.0' },
      ...options,
    })
  return { uri, blobs, dir: bucket.server.file(bucket.name, prefix), open }
}

test('results lie in a bucket as in a folder, and are read back', async () => {
  const { blobs, dir, open } = place()
  const first = await open()
  await store(first, A, 3)
  await first.fail(B, new StanflowError('MEDIA_DECODE', 'damaged'))
  await first.close()
  assert.deepEqual(
    (await tree(dir)).map((path) => path.replace(/\/.*\//, '/…/').replace(/[^/]*(\.\w+)$/, '*$1')),
    ['*.jsonl', 'embeddings/…/*.parquet', 'labels/…/*.parquet', 'manifest/…/*.json', 'models/*.json'],
  )
  assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1, 2] })
  const found = []
  for await (const { source, done, clips } of readResults(blobs)) found.push([source, done, clips.length])
  assert.deepEqual(found, [['a.mp4', true, 3]])
  assert.deepEqual(
    (await readDeadLetters(blobs)).map(({ source, code }) => [source, code]),
    [['b.mp4', 'MEDIA_DECODE']],
  )
  const second = await open()
  assert.deepEqual(second.progress(A), { clips: 3, done: true })
  await store(second, B, 1)
  await second.close()
  assert.deepEqual(await readDeadLetters(blobs), [])
})

test('a changed video takes the place of its older rows; new labels come from stored vectors', async () => {
  const { dir, open } = place()
  const first = await open()
  await store(first, A, 3)
  await store(first, B, 2)
  await first.close()
  const changed = video('a.mp4', 'other')
  const second = await open()
  assert.equal(second.progress(changed).clips, 0)
  await store(second, changed, 1)
  await second.close()
  assert.deepEqual(await stored(dir), { 'a.mp4': [0], 'b.mp4': [0, 1] })
  const labelSetDigest = sha('other labels')
  const labels = [{ label: 'new', score: 1, similarity: 0.5 }]
  const third = await open({
    recipe: { ...RECIPE, labelSetDigest },
    relabel: (rows) => rows.map(() => labels),
  })
  assert.equal(third.opened.clipsCompleted, 3)
  await third.close()
})

const env = () => ({ ...process.env, ...bucket.server.env })

async function begin(mode: string, uri: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [WRITER, mode, uri], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: env(),
  })
  await once(child.stdout, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test('killed at 12 moments while it writes and rewrites: every stored clip is there exactly once', async () => {
  const { uri, dir, open } = place()
  for (let i = 0; i < 12; i += 1) {
    const child = await begin('loop', uri)
    await sleep((i * 67) % 500)
    await kill(child)
    const results = await open()
    const rows = await sql(
      dir,
      "select source, clip_id from '$dir/embeddings/**/*.parquet' order by source, clip_index",
    ).catch(() => [])
    for (let v = 0; v < VIDEOS; v += 1) {
      const ids = rows.filter((row) => row.source === nameOf(v)).map((row) => row.clip_id)
      const versions = Array.from({ length: 50 }, (_, round) => video(nameOf(v), contentIn(v, round)))
      const current = versions.find((version) => results.progress(version).clips > 0)
      const expected = current === undefined ? [] : clips(current, 0, results.progress(current).clips)
      assert.deepEqual(
        ids,
        expected.map((clip) => clip.clipId),
      )
      if (current !== undefined) {
        const { clips: count, done } = results.progress(current)
        assert.ok(done ? count === clipsIn(v) : count <= clipsIn(v))
      }
    }
    await results.close()
  }
  assert.ok(Object.keys(await stored(dir)).length > 0, 'nothing was stored at all')
})

test('a place that a live process writes to is refused, naming it; a dead process holds nothing', async () => {
  const { uri, open } = place()
  const child = await begin('hold', uri)
  try {
    await assert.rejects(open(), { code: 'OUTPUT_LOCKED', message: new RegExp(`^Process ${child.pid} `) })
  } finally {
    await kill(child)
  }
  await (await open()).close()
})

test('of eight runs that meet a dead lock at once, each stores or is refused, and nothing is doubled', async () => {
  const { uri, dir } = place()
  await kill(await begin('hold', uri))
  const runs = await Promise.all(
    Array.from({ length: 8 }, () => run(process.execPath, [WRITER, 'once', uri], { env: env() })),
  )
  const outcomes = new Set(runs.map(({ stdout }) => stdout))
  assert.ok(outcomes.has('stored'))
  outcomes.delete('stored')
  outcomes.delete('OUTPUT_LOCKED')
  assert.deepEqual([...outcomes], [])
  assert.deepEqual(await stored(dir), { 'one.mp4': [0] })
})

test('a run whose place was taken over stops instead of writing', async () => {
  const { blobs, dir, open } = place()
  const first = await open()
  await blobs.remove('.stanflow.lock')
  const second = await open()
  await store(second, A, 1)
  await store(first, B, 1)
  await assert.rejects(first.checkpoint(), { code: 'OUTPUT_LOCKED' })
  await assert.rejects(first.close(), { code: 'OUTPUT_LOCKED' })
  await second.close()
  assert.deepEqual(await stored(dir), { 'a.mp4': [0] })
})

test('shards write side by side and leave each other alone; a run of all waits until they are gone', async () => {
  const { dir, blobs, open } = place()
  const shard = (index: number) => ({ shard: { index, of: 2 } })
  const zero = await open(shard(0))
  await store(zero, A, 2)
  const one = await open(shard(1))
  await store(one, B, 1)
  await one.checkpoint()
  await assert.rejects(open(), { code: 'OUTPUT_LOCKED', message: /holds \.stanflow\.lock-0-of-2/ })
  await assert.rejects(open({ shard: { index: 0, of: 3 } }), { code: 'OUTPUT_LOCKED' })
  await assert.rejects(open(shard(1)), { code: 'OUTPUT_LOCKED' })
  await zero.fail(video('c.mp4'), new StanflowError('MEDIA_DECODE', 'damaged'))
  await one.fail(video('d.mp4'), new StanflowError('MEDIA_CRASH', 'crashed'))
  await zero.close()
  await one.close()
  assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1], 'b.mp4': [0] })
  const failed = async () => (await readDeadLetters(blobs, RECIPE)).map(({ source }) => source)
  assert.deepEqual((await failed()).sort(), ['c.mp4', 'd.mp4'])
  // Another split, in which c.mp4 is another shard's.
  const other = await open({ shard: { index: 1, of: 5 } })
  await sleep(2)
  await store(other, video('c.mp4'), 1)
  await other.close()
  assert.deepEqual(await failed(), ['d.mp4'])
  await (await open()).close()
  assert.deepEqual(await blobs.names('dead-letter'), ['dead-letter.jsonl'])
  assert.deepEqual(await failed(), ['d.mp4'])
})

test("what a live shard has written and not committed survives another's start; a dead one's goes", async () => {
  const { blobs, dir, open } = place()
  const one = await open({ shard: { index: 1, of: 2 } })
  const [held] = await blobs.holders('.stanflow.lock')
  const part = (run: string) => `embeddings/dt=x/20260101T000000000Z-${run}-000001.parquet`
  await blobs.write(part(held?.run ?? ''), 'of the living')
  await blobs.write(part('00000000'), 'of the dead')
  const zero = await open({ shard: { index: 0, of: 2 } })
  assert.equal(zero.opened.leftoversRemoved, 1)
  assert.ok((await tree(dir)).includes(part(held?.run ?? '')))
  await zero.close()
  await one.close()
})

test('an upload in parts that was never ended is cleared away by the next run, and no other', async () => {
  const { blobs, dir, open } = place()
  const client = new S3Client({ ...bucket.server.settings, forcePathStyle: true })
  const begun = async (key: string) =>
    client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: key }))
  await begun(`${blobs.location.split('/').at(-2)}/embeddings/part.parquet`)
  await begun('elsewhere/part.parquet')
  const results = await open()
  assert.equal(results.opened.leftoversRemoved, 1)
  await results.close()
  const left = []
  for await (const { key } of bucket.s3.uploads(bucket.at(''))) left.push(key)
  assert.deepEqual(left, ['elsewhere/part.parquet'])
  assert.deepEqual(await stored(dir), {})
  client.destroy()
})
