import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InOrder } from '../../../operators/index.js'

test('whatever is known first, each source hears of its items in order, and of all that become something', () => {
  const steps = fc.array(
    fc.record({ source: fc.constantFrom('a', 'b'), late: fc.nat(9), isGone: fc.boolean() }),
  )
  fc.assert(
    fc.property(steps, (items) => {
      const given: { source: string; n: number }[] = []
      const order = new InOrder<object, number>((source, n) => given.push({ source, n }))
      const waiting: { due: number; settle: () => void }[] = []
      for (const [n, { source, late, isGone }] of items.entries()) {
        const item = {}
        order.enter(source, item)
        waiting.push({ due: n + late, settle: () => order.settle(source, item, isGone ? undefined : n) })
        for (const one of waiting.splice(0)) one.due > n ? waiting.push(one) : one.settle()
      }
      for (const { settle } of waiting.reverse()) settle()
      for (const source of ['a', 'b']) {
        assert.deepEqual(
          given.flatMap((one) => (one.source === source ? [one.n] : [])),
          items.flatMap((one, n) => (one.source === source && !one.isGone ? [n] : [])),
        )
      }
    }),
  )
})
