import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { float32Exp } from '../../src/engine/reference/exp.js'
import { exactMoments, float32Moments } from '../../src/engine/reference/moments.js'
import { multiply, multiplyByDots } from '../../src/engine/reference/products.js'

/** Half the distance between neighbouring float32 numbers, relative. */
const ROUNDING = 2 ** -24
const values = (length: number) =>
  fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: length, maxLength: length })
const float32s = (numbers: readonly number[]): Float64Array => Float64Array.from(numbers, Math.fround)

describe('the reference back end rounds as PyTorch does, and still computes what it should', () => {
  test('e^x is right to two roundings', () => {
    fc.assert(
      fc.property(fc.float({ min: -87, max: 88, noNaN: true }), (x) => {
        const exact = Math.exp(x)
        assert.ok(Math.abs(float32Exp(x) - exact) <= 2 * ROUNDING * exact, `e^${x}`)
      }),
    )
    assert.deepEqual([Number.NEGATIVE_INFINITY, 0, Number.POSITIVE_INFINITY].map(float32Exp), [
      0,
      1,
      Number.POSITIVE_INFINITY,
    ])
  })

  for (const width of [1, 7, 8, 64, 100, 128, 136, 768, 1536]) {
    test(`moments of a row of ${width}`, () => {
      fc.assert(
        fc.property(values(width), (numbers) => {
          const row = float32s(numbers)
          const exact = exactMoments(row)
          const rounded = float32Moments(row)
          assert.ok(Math.abs(rounded.mean - exact.mean) < 1e-5)
          assert.ok(Math.abs(rounded.variance - exact.variance) < 1e-4)
        }),
        { numRuns: 20 },
      )
    })
  }

  test('both orders of a product agree', () => {
    const [m, k, n] = [3, 20, 11]
    fc.assert(
      fc.property(values(m * k), values(k * n), (left, right) => {
        const [a, b] = [float32s(left), float32s(right)]
        const [dots, rows] = [new Float64Array(m * n), new Float64Array(m * n)]
        multiplyByDots({ a, b, out: dots, k, n })
        multiply({ a, b, out: rows, k, n }, (x) => x)
        for (const [i, value] of rows.entries()) assert.ok(Math.abs(value - (dots[i] as number)) < 1e-3)
      }),
      { numRuns: 50 },
    )
  })
})
