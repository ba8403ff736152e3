import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loadLibrary } from '../../src/engine/tfjs/library.js'
import { branchNoise } from '../../src/train/noise.js'

const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu' })
const ones = (...shape: number[]) => tf.ones(shape)

describe('noise in the branch', () => {
  test('dropout takes its part of the numbers, and the mean stays', () => {
    const dropped = branchNoise(tf, { dropout: 0.25, dropPath: 0 }, 'a').input(ones(4, 5, 25, 16))
    const values = [...dropped.dataSync()]
    assert.deepEqual([...new Set(values)].sort(), [0, Math.fround(4 / 3)])
    const kept = values.filter((x) => x > 0).length / values.length
    assert.ok(Math.abs(kept - 0.75) < 0.02, `${kept} kept`)
  })

  test('DropPath takes a path from whole clips, from none in the first layer and more in later ones', () => {
    const noise = branchNoise(tf, { dropout: 0, dropPath: 0.4 }, 'b')
    const gone = [0, 1, 2].map((k) => {
      const path = noise.path(k, 3)
      const patches = path(ones(2000, 2, 3, 2)).arraySync() as number[][][][]
      const tokens = path(ones(2000, 1, 2)).arraySync() as number[][][]
      const factors = patches.map((clip) => [...new Set(clip.flat(2))])
      const scale = Math.fround(1 / (1 - 0.2 * k))
      for (const [n, factor] of factors.entries()) {
        assert.equal(factor.length, 1, 'all of a clip or nothing')
        assert.ok(factor[0] === 0 || factor[0] === scale)
        assert.ok(
          tokens[n]?.flat().every((x) => x === factor[0]),
          'the class token goes with its patches',
        )
      }
      return factors.filter(([factor]) => factor === 0).length / 2000
    })
    assert.equal(gone[0], 0)
    assert.ok(
      Math.abs((gone[1] as number) - 0.2) < 0.04 && Math.abs((gone[2] as number) - 0.4) < 0.04,
      `${gone}`,
    )
  })

  test('the same seed is the same noise, path by path', () => {
    const draw = (seed: string): number[] => {
      const noise = branchNoise(tf, { dropout: 0.5, dropPath: 0.5 }, seed)
      return [noise.input(ones(2, 2, 2, 8)), ...[1, 1].map((k) => noise.path(k, 2)(ones(32, 1)))].flatMap(
        (x) => [...x.dataSync()],
      )
    }
    assert.deepEqual(draw('c'), draw('c'))
    assert.notDeepEqual(draw('c'), draw('d'))
    const all = draw('c')
    assert.notDeepEqual(all.slice(64, 96), all.slice(96), 'two paths have noise of their own')
  })
})
