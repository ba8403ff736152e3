import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { toFloat32 } from '../../src/model/formats/values.js'
import { adamw } from '../../src/train/adamw.js'
import { toHalf } from '../../src/train/half.js'
import { parameter, ratesOf } from '../../src/train/parameters.js'
import { learningRate } from '../../src/train/schedule.js'

describe('AdamW', () => {
  test('the first step moves each weight by the learning rate against its gradient, after the decay', () => {
    const weights = parameter([2, 1], Float32Array.of(2, -4))
    const gradients = new Map([['w.weight', Float32Array.of(0.3, -0.01)]])
    const settings = { betas: [0.9, 0.98], weightDecay: 0.1, clip: 5 } as const
    adamw(new Map([['w.weight', weights]]), gradients, new Map([['w.weight', 0.5]]), 0, settings)
    const expected = [2 * (1 - 0.05) - 0.5, -4 * (1 - 0.05) + 0.5]
    for (const [i, value] of weights.value.entries())
      assert.ok(Math.abs(value - (expected[i] as number)) < 1e-5, `${value}`)
  })

  test('biases and norms are not decayed; what has no rate stays', () => {
    const names = ['a.bias', 'layer_norm1.weight', 'frozen.weight']
    const all = new Map(names.map((name) => [name, parameter([3], new Float32Array(3).fill(1))] as const))
    const gradients = new Map(names.map((name) => [name, new Float32Array(3)]))
    const rates = new Map(names.map((name) => [name, name.startsWith('frozen') ? 0 : 0.1]))
    adamw(all, gradients, rates, 0, { betas: [0.9, 0.98], weightDecay: 0.5, clip: 5 })
    for (const { value } of all.values()) assert.deepEqual([...value], [1, 1, 1])
  })

  test('a gradient that is too long is cut, all tensors together', () => {
    const all = new Map([
      ['a', parameter([1], new Float32Array(1))],
      ['b', parameter([1], new Float32Array(1))],
    ])
    const gradients = new Map([
      ['a', Float32Array.of(30)],
      ['b', Float32Array.of(40)],
    ])
    const settings = { betas: [0.9, 0.98], weightDecay: 0, clip: 5 } as const
    const rates = new Map([
      ['a', 0.1],
      ['b', 0.1],
    ])
    assert.equal(adamw(all, gradients, rates, 0, settings), 50)
    // The first moment is a tenth of the gradient: (3, 4) after the cut.
    assert.ok(Math.abs((all.get('a')?.first[0] as number) - 0.3) < 1e-6)
    assert.ok(Math.abs((all.get('b')?.first[0] as number) - 0.4) < 1e-6)
  })

  test('the length of a gradient is the same in whatever order its tensors come', () => {
    // Small squares beside a large one: summed up after it, each is lost.
    const tensors = [
      ['b', Float32Array.of(1e8)],
      ['a', Float32Array.of(1, 1)],
      ['c', Float32Array.of(1, 1)],
    ] as const
    const settings = { betas: [0.9, 0.98], weightDecay: 0, clip: 5 } as const
    const lengths = [tensors, tensors.toReversed()].map((order) =>
      adamw(new Map(), new Map(order), new Map(), 0, settings),
    )
    assert.equal(lengths[0], lengths[1])
  })

  test('many steps equal the formulas written out in double precision', () => {
    const [b1, b2, rate, decay] = [0.9, 0.98, 0.01, 0.02]
    const one = parameter([1, 1], Float32Array.of(0.7))
    let [w, m, v] = [0.7, 0, 0]
    for (let step = 0; step < 200; step++) {
      const gradient = Math.sin(step) * 0.5
      adamw(
        new Map([['w', one]]),
        new Map([['w', Float32Array.of(gradient)]]),
        new Map([['w', rate]]),
        step,
        {
          ...{ betas: [b1, b2], weightDecay: decay, clip: 100 },
        },
      )
      w *= 1 - rate * decay
      m = b1 * m + (1 - b1) * gradient
      v = b2 * v + (1 - b2) * gradient * gradient
      w -= (rate * (m / (1 - b1 ** (step + 1)))) / (Math.sqrt(v / (1 - b2 ** (step + 1))) + 1e-8)
    }
    assert.ok(Math.abs((one.value[0] as number) - w) < 1e-5)
  })
})

test('the learning rate rises in a line, then falls by half a cosine', () => {
  const at = (step: number): number => learningRate(step, 100, 0.1, 0)
  assert.ok(Math.abs(at(0) - 0.1) < 1e-12)
  assert.ok(Math.abs(at(9) - 1) < 1e-12)
  assert.equal(at(10), 1)
  assert.ok(Math.abs(at(55) - 0.5) < 1e-12)
  assert.ok(at(99) < 0.001)
})

test('a parameter belongs to the first pattern that it matches; to none: frozen', () => {
  const rates = ratesOf(
    ['STAN_S.0.weight', 'text_model.a', 'logit_scale'],
    [
      ['STAN*', 1],
      ['*_model.*', 0.3],
    ],
  )
  assert.deepEqual([...rates.values()], [1, 0.3, 0])
})

describe('half precision', () => {
  test('every half comes back as itself', () => {
    const every = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)
    const values = toFloat32('F16', Buffer.from(every.buffer))
    const back = toHalf(values as Float32Array)
    for (const [bits, value] of values.entries()) {
      if (!Number.isNaN(value)) assert.equal(back[bits], bits, `${value}`)
    }
  })

  test('a number becomes the nearest half', () => {
    const table = toFloat32('F16', Buffer.from(Uint16Array.from({ length: 0x7c00 }, (_, n) => n).buffer))
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: 0, max: 65_504 }), (value) => {
        const bits = toHalf(Float32Array.of(value))[0] as number
        const distance = (n: number): number => Math.abs((table[n] ?? Number.POSITIVE_INFINITY) - value)
        assert.ok(distance(bits) <= distance(bits - 1) && distance(bits) <= distance(bits + 1))
      }),
    )
  })
})
