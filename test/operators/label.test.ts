import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify } from '../../operators/index.js'

const set = {
  labels: ['north', 'east', 'between'],
  vectors: [Float32Array.of(0, 1), Float32Array.of(1, 0), Float32Array.of(Math.SQRT1_2, Math.SQRT1_2)],
  scale: 10,
}

test('labels come best first, with cosine and the softmax over the whole set', () => {
  const found = classify(Float32Array.of(0, 1), { ...set, top: 3 })
  assert.deepEqual(
    found.map(({ label }) => label),
    ['north', 'between', 'east'],
  )
  const powers = [10, 10 * Math.SQRT1_2, 0].map(Math.exp)
  const total = powers.reduce((a, b) => a + b)
  for (const [i, { score }] of found.entries())
    assert.ok(Math.abs(score - (powers[i] as number) / total) < 1e-6)
  assert.ok(Math.abs((found[1]?.similarity as number) - Math.SQRT1_2) < 1e-6)
})

test('keeping fewer labels changes no score', () => {
  assert.deepEqual(
    classify(Float32Array.of(0, 1), { ...set, top: 1 }),
    classify(Float32Array.of(0, 1), { ...set, top: 3 }).slice(0, 1),
  )
})
