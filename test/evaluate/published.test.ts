import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publishedOn } from '../../src/evaluate/published.js'
import { PUBLISHED_RESULTS, protocolOf } from '../../src/model/published.js'

test('published figures stand with their own protocol, 8 frames and 16 apart', () => {
  const told = publishedOn('kinetics', 'val').map((one) => [one.model, one.percent, protocolOf(one)])
  assert.deepEqual(told, [
    ['CLIP B/16', 79.9, ''],
    ['STAN-self B/16', 84.2, '8 frames, 3 views'],
    ['STAN-self B/16', 84.9, '16 frames, 3 views'],
    ['STAN-conv B/16', 83.1, '8 frames, 3 views'],
  ])
  const didemo = publishedOn('didemo', 'test').find(({ model }) => model === 'STAN-self B/32')
  assert.deepEqual([didemo?.percent, didemo && protocolOf(didemo)], [46.2, '64 frames'])
})

test('they are printed beside the split that papers report on, and each has one place', () => {
  assert.deepEqual(publishedOn('kinetics', 'train'), [])
  assert.deepEqual(publishedOn('table', 'test'), [])
  const places = PUBLISHED_RESULTS.map(({ model, data, frames }) => `${model} ${data} ${frames}`)
  assert.equal(new Set(places).size, PUBLISHED_RESULTS.length)
})
