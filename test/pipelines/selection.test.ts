import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shardByDraw } from '../../pipelines/selection.js'

const NAMES = Array.from({ length: 2000 }, (_, n) => `camera-${n}`)

test('every shard draws about its share, and a shard more moves only what it takes itself', () => {
  for (const of of [1, 2, 3, 7]) {
    const before = NAMES.map((name) => shardByDraw(name, of))
    const after = NAMES.map((name) => shardByDraw(name, of + 1))
    for (let index = 0; index < of; index++) {
      const share = before.filter((one) => one === index).length
      assert.ok(
        Math.abs(share - NAMES.length / of) < 0.2 * (NAMES.length / of),
        `${share} of shard ${index}/${of}`,
      )
    }
    const moved = NAMES.filter((_, n) => before[n] !== after[n])
    assert.ok(moved.length > 0)
    for (const [n] of NAMES.entries()) assert.ok(after[n] === before[n] || after[n] === of)
  }
})
