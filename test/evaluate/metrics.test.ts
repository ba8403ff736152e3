import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  dualSoftmax,
  recognition,
  retrieval,
  type Similarities,
  transposed,
} from '../../src/evaluate/metrics.js'

/** Few different values, so that there are many ties. `others`: what stands among them. */
const matricesWith = (...others: readonly number[]) =>
  fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.constantFrom(2, 5, 1e6))
    .chain(([rows, columns, values]) => {
      const number = fc.integer({ min: 0, max: values }).map((x) => x / values)
      const cell = others.length === 0 ? number : fc.oneof(number, fc.constantFrom(...others))
      return fc
        .array(cell, { minLength: rows * columns, maxLength: rows * columns })
        .map((data): Similarities => ({ rows, columns, data: Float64Array.from(data) }))
    })
const matrices = matricesWith()
const broken = matricesWith(Number.NaN)

const rowOf = ({ columns, data }: Similarities, n: number): number[] => [
  ...data.slice(n * columns, (n + 1) * columns),
]

/**
 * Sort and look: candidates best first (a stable sort keeps ties in their order), what is no number behind them, then where
 * the right one stands.
 */
function plainRank(row: readonly number[], right: readonly number[]): number {
  const all = row.map((similarity, n) => ({ similarity, n }))
  const order = [
    ...all.filter(({ similarity }) => !Number.isNaN(similarity)).sort((a, b) => b.similarity - a.similarity),
    ...all.filter(({ similarity }) => Number.isNaN(similarity)),
  ]
  return order.findIndex(({ n }) => right.includes(n)) + 1
}

describe('metrics', () => {
  test('retrieval equals sorting and looking, with several partners, ties and what is no number', () => {
    const cases = fc.oneof(matrices, broken).chain((of) =>
      fc.tuple(
        fc.constant(of),
        fc.array(fc.uniqueArray(fc.nat(of.columns - 1), { minLength: 1 }), {
          minLength: of.rows,
          maxLength: of.rows,
        }),
      ),
    )
    fc.assert(
      fc.property(cases, ([of, partners]) => {
        const plain = partners.map((right, n) => plainRank(rowOf(of, n), right))
        const sorted = [...plain].sort((a, b) => a - b)
        const low = sorted[Math.floor((sorted.length - 1) / 2)] as number
        const high = sorted[Math.ceil((sorted.length - 1) / 2)] as number
        const share = (k: number) => plain.filter((rank) => rank <= k).length / plain.length
        assert.deepEqual(retrieval(of, partners), {
          queries: of.rows,
          candidates: of.columns,
          r1: share(1),
          r5: share(5),
          r10: share(10),
          medianRank: (low + high) / 2,
          meanRank: plain.reduce((a, b) => a + b, 0) / plain.length,
        })
      }),
      { numRuns: 500 },
    )
  })

  test('recognition equals sorting and looking; the confusion adds up', () => {
    const cases = fc
      .oneof(matrices, broken)
      .chain((of) =>
        fc.tuple(
          fc.constant(of),
          fc.array(fc.nat(of.columns - 1), { minLength: of.rows, maxLength: of.rows }),
        ),
      )
    fc.assert(
      fc.property(cases, ([of, truth]) => {
        const labels = Array.from({ length: of.columns }, (_, n) => `label ${n}`)
        const plain = truth.map((label, n) => plainRank(rowOf(of, n), [label]))
        const result = recognition(of, truth, labels)
        assert.equal(result.top1, plain.filter((rank) => rank === 1).length / plain.length)
        assert.equal(result.top5, plain.filter((rank) => rank <= 5).length / plain.length)
        const right = result.confusion.reduce((sum, row, n) => sum + (row[n] as number), 0)
        assert.equal(right, plain.filter((rank) => rank === 1).length)
        for (const [n, { count }] of result.classes.entries()) {
          assert.equal(count, truth.filter((label) => label === n).length)
          assert.equal(
            result.confusion[n]?.reduce((a, b) => a + b, 0),
            count,
          )
        }
      }),
    )
  })

  test('a model that sees no difference is at chance', () => {
    const of = { rows: 10, columns: 10, data: new Float64Array(100) }
    const { r1, r5, meanRank } = retrieval(
      of,
      Array.from({ length: 10 }, (_, n) => [n]),
    )
    assert.deepEqual([r1, r5, meanRank], [0.1, 0.5, 5.5])
  })

  test('a model of NaN is at chance too, dual softmax or not', () => {
    const of = { rows: 10, columns: 10, data: new Float64Array(100).fill(Number.NaN) }
    const own = Array.from({ length: 10 }, (_, n) => [n])
    for (const one of [of, dualSoftmax(of, 100)]) {
      const { r1, r5, meanRank } = retrieval(one, own)
      assert.deepEqual([r1, r5, meanRank], [0.1, 0.5, 5.5])
    }
    const numbers = Array.from({ length: 10 }, (_, n) => n)
    const { top1 } = recognition(of, numbers, numbers.map(String))
    assert.equal(top1, 0.1)
  })

  test('dual softmax equals its formula, in either direction', () => {
    fc.assert(
      fc.property(matrices, fc.constantFrom(1, 20, 100), (of, scale) => {
        for (const one of [of, transposed(of)]) {
          const { rows, columns, data } = one
          const result = dualSoftmax(one, scale)
          for (let i = 0; i < rows; i++) {
            for (let j = 0; j < columns; j++) {
              const at = (row: number) => data[row * columns + j] as number
              let total = 0
              for (let row = 0; row < rows; row++) total += Math.exp(scale * (at(row) - at(i)))
              assert.ok(Math.abs((result.data[i * columns + j] as number) - at(i) / total) < 1e-12)
            }
          }
        }
      }),
    )
  })
})
