import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Outages } from '../../../pipelines/consume/outages.js'

const PATIENCE_MS = 60_000

/** With a clock of its own, and a bucket that answers or does not. */
function outages(answers: boolean) {
  let now = 1_000_000
  const of = new Outages({ patience: PATIENCE_MS, answers: async () => answers, now: () => now })
  const begun = now
  const after = (milliseconds: number): void => {
    now = begun + milliseconds
  }
  return { of, begun, after }
}

describe('an object that fails', () => {
  test('is waited for at first, then given up where its bucket answers', async () => {
    const { of, begun, after } = outages(true)
    assert.equal(await of.isOwnFault('s3://bucket/x', begun), false)
    after(PATIENCE_MS)
    assert.equal(await of.isOwnFault('s3://bucket/x', begun), true)
  })

  test('is waited for however long where its bucket is away', async () => {
    const { of, begun, after } = outages(false)
    after(100 * PATIENCE_MS)
    assert.equal(await of.isOwnFault('s3://bucket/x', begun), false)
  })

  test('is waited for where others of the bucket fail alike, unless one came meanwhile', async () => {
    const { of, begun, after } = outages(true)
    after(PATIENCE_MS - 1)
    assert.equal(await of.isOwnFault('s3://bucket/x', begun), false)
    assert.equal(await of.isOwnFault('s3://bucket/y', begun), false)
    after(PATIENCE_MS)
    assert.equal(await of.isOwnFault('s3://bucket/x', begun), false)
    of.readable('s3://bucket/z')
    assert.equal(await of.isOwnFault('s3://bucket/x', begun), true)
  })

  test('is waited for where those before it were given up, and none could be read', async () => {
    const { of, begun, after } = outages(true)
    after(PATIENCE_MS)
    assert.equal(await of.isOwnFault('s3://bucket/1', begun), true)
    assert.equal(await of.isOwnFault('s3://bucket/2', begun), true)
    assert.equal(await of.isOwnFault('s3://bucket/3', begun), false)
    assert.equal(await of.isOwnFault('s3://other/3', begun), true)
  })

  test('is not judged where it lies in no bucket', async () => {
    const { of, begun, after } = outages(true)
    after(PATIENCE_MS)
    assert.equal(await of.isOwnFault('', begun), false)
  })
})
