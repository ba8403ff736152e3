import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { discoverS3 } from '../../../src/connect/s3/discover.js'
import type { S3Place } from '../../../src/connect/s3/uri.js'
import { Bucket } from './support.js'

const KEYS = [
  'a.mp4',
  'cam/1.mp4',
  'cam/2.MKV',
  'cam/.hidden/3.mp4',
  'cam/.4.mp4',
  'cam/notes.txt',
  'cam/deep/er/5.webm',
  'cam/empty.mp4',
  'camera/6.mp4',
  'odd/[x].mp4',
  'odd/ü & %20.mp4',
]

let bucket: Bucket
before(async () => {
  bucket = await Bucket.make()
  for (const key of KEYS) await bucket.s3.put(bucket.at(key), key === 'cam/empty.mp4' ? '' : key)
})
after(() => bucket.close())

/** What is found, as sources; those with an error as `source!CODE`. */
async function found(key: string, root?: string): Promise<string[]> {
  const names: string[] = []
  for await (const item of discoverS3(bucket.s3, `s3://${bucket.name}/${key}`, { root })) {
    const name = item.source.replace(`s3://${bucket.name}/`, '')
    names.push('error' in item ? `${name}!${item.error.code}` : name)
  }
  return names.sort()
}

const CAM = ['cam/1.mp4', 'cam/2.MKV', 'cam/deep/er/5.webm', 'cam/empty.mp4!INPUT_EMPTY']

test('a prefix is searched like a folder, with or without a slash at its end', async () => {
  assert.deepEqual(await found('cam'), CAM)
  assert.deepEqual(await found('cam/'), CAM)
  const all = [...CAM, 'a.mp4', 'camera/6.mp4', 'odd/[x].mp4', 'odd/ü & %20.mp4'].sort()
  assert.deepEqual(await found(''), all)
})

test('a key that is there is that object, whatever it looks like', async () => {
  assert.deepEqual(await found('a.mp4'), ['a.mp4'])
  assert.deepEqual(await found('cam/notes.txt'), ['cam/notes.txt'])
  assert.deepEqual(await found('odd/[x].mp4'), ['odd/[x].mp4'])
  assert.deepEqual(await found('odd/ü & %20.mp4'), ['odd/ü & %20.mp4'])
})

test('globs match keys, and only the part before their first star is listed', async () => {
  assert.deepEqual(await found('cam/*.mp4'), ['cam/1.mp4', 'cam/empty.mp4!INPUT_EMPTY'])
  assert.deepEqual(await found('cam/**/*.{webm,MKV}'), ['cam/2.MKV', 'cam/deep/er/5.webm'])
  assert.deepEqual(await found('c*/*'), [
    'cam/1.mp4',
    'cam/2.MKV',
    'cam/empty.mp4!INPUT_EMPTY',
    'camera/6.mp4',
  ])
  const asked: S3Place[] = []
  const list = (place: S3Place, ...more: [number?, AbortSignal?]) => {
    asked.push(place)
    return bucket.s3.list(place, ...more)
  }
  for await (const _ of discoverS3({ list }, `s3://${bucket.name}/cam/d*/**`));
  assert.deepEqual(asked.at(-1), bucket.at('cam/d'))
})

test('nothing found is said', async () => {
  assert.deepEqual(await found('nowhere'), ['nowhere!INPUT_NONE'])
  assert.deepEqual(await found('cam/*.avi'), ['cam/*.avi!INPUT_NONE'])
})

test('a listing that is refused ends the search with an error, not with what was found', async () => {
  const search = discoverS3(bucket.s3, 's3://no-such-bucket/x')
  await assert.rejects(search.next(), { code: 'S3_BUCKET_MISSING' })
})

test('names are relative to a root; identity is size and ETag', async () => {
  assert.deepEqual(await found('cam', `s3://${bucket.name}/cam`), [
    '1.mp4',
    '2.MKV',
    'deep/er/5.webm',
    'empty.mp4!INPUT_EMPTY',
  ])
  const one = async () => {
    for await (const item of discoverS3(bucket.s3, `s3://${bucket.name}/a.mp4`)) {
      assert.ok(!('error' in item))
      return item
    }
    return undefined
  }
  const before = await one()
  assert.match(before?.fingerprint ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(await one(), before)
  await bucket.s3.put(bucket.at('a.mp4'), 'b.mp4')
  assert.notEqual((await one())?.fingerprint, before?.fingerprint)
})
