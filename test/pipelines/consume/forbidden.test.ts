import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Forbidden } from '../../../pipelines/consume/forbidden.js'

const HOLD_MS = 30

test('three objects of a bucket, none readable: nothing becomes a dead letter', async () => {
  const forbidden = new Forbidden(HOLD_MS)
  const buried: string[] = []
  const meet = (key: string) => forbidden.meet(`s3://bucket/${key}`, key, () => buried.push(key))
  assert.deepEqual([meet('a'), meet('b'), meet('b'), meet('c')], [true, true, true, false])
  await sleep(2 * HOLD_MS)
  assert.deepEqual(buried, [])
})

test('a single one is a dead letter after a while, at once where others could be read', async () => {
  const forbidden = new Forbidden(HOLD_MS)
  const buried: string[] = []
  const meet = (bucket: string, key: string) =>
    forbidden.meet(`s3://${bucket}/${key}`, key, () => buried.push(key))
  assert.ok(meet('bucket', 'a'))
  assert.deepEqual(buried, [])
  while (buried.length === 0) await sleep(HOLD_MS)
  assert.deepEqual(buried, ['a'])
  assert.ok(meet('other', 'b'))
  forbidden.readable('s3://other/x')
  assert.deepEqual(buried, ['a', 'b'])
  for (const key of ['c', 'd', 'e', 'f']) assert.ok(meet('other', key))
  assert.equal(buried.length, 6)
})
