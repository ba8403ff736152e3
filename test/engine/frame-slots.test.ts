import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FrameSlots } from '../../src/engine/frame-slots.js'

describe('frame slots', () => {
  test('a frame is computed once while it is kept, also within one batch', () => {
    const slots = new FrameSlots<object>(4)
    const [a, b, c] = [{}, {}, {}]
    assert.deepEqual(slots.plan([a, b, a]).missing, [a, b])
    assert.deepEqual(slots.plan([b, c]).missing, [c])
    assert.deepEqual(slots.plan([a, b, c]).missing, [])
  })

  test('the least recently used frame makes room, never one that the same batch reads', () => {
    const slots = new FrameSlots<object>(2)
    const [a, b, c] = [{}, {}, {}]
    slots.plan([a])
    slots.plan([b])
    const plan = slots.plan([c, a])
    assert.deepEqual(plan.missing, [c])
    assert.deepEqual(slots.plan([b]).missing, [b])
  })

  test('nothing is known after a clear', () => {
    const slots = new FrameSlots<object>(2)
    const a = {}
    slots.plan([a])
    slots.clear()
    assert.deepEqual(slots.plan([a]).missing, [a])
  })

  test('whatever is asked for, each slot holds the frame that the plan says', () => {
    const frames = Array.from({ length: 12 }, (_, n) => ({ n }))
    const batch = fc.array(fc.nat(11), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(
        fc.array(batch, { maxLength: 40 }),
        fc.integer({ min: 12, max: 20 }),
        (batches, capacity) => {
          const slots = new FrameSlots<object>(capacity)
          const held: unknown[] = []
          for (const numbers of batches) {
            const asked = numbers.map((n) => frames[n] as object)
            const { missing, fill, use } = slots.plan(asked)
            missing.forEach((frame, n) => {
              held[fill[n] as number] = frame
            })
            assert.deepEqual(
              Array.from(use, (slot) => held[slot]),
              asked,
            )
          }
        },
      ),
    )
  })
})
