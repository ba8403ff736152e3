import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ClipQueue } from '../../pipelines/clip-queue.js'
import type { DataItem, DataSet } from '../../src/datasets/dataset.js'
import { StanflowError } from '../../src/errors.js'
import type { DataTrainConfig } from '../../src/train/on-data/config.js'
import { keepBack, usable } from '../../src/train/on-data/divide.js'

const item = (id: string, about: Partial<DataItem> = {}): DataItem => ({
  ...{ id, path: `/${id}`, captions: [] },
  ...about,
})
const set = (items: readonly DataItem[], about: Partial<DataSet> = {}): DataSet => {
  const classes = [...new Set(items.flatMap(({ label }) => label ?? []))]
  return {
    ...{ kind: 'table', title: 't.csv', split: 'train', items, missing: [] },
    ...(classes.length > 0 && { classes }),
    ...about,
  }
}
const config = (objective?: 'captions' | 'classes') =>
  ({ data: { prompt: '{}' }, ...(objective && { objective }) }) as DataTrainConfig

describe('training and validation', () => {
  test('a tenth of the videos is kept back, all parts of a video on one side, the same for the same seed', () => {
    const items = Array.from({ length: 60 }, (_, n) => item(`${n}`, { path: `/${n % 30}`, captions: ['a'] }))
    const { training, validation } = keepBack(set(items), 1, 256)
    assert.equal(new Set(validation.items.map(({ path }) => path)).size, 3)
    assert.equal(validation.items.length, 6)
    const learnt = new Set(training.items.map(({ path }) => path))
    assert.ok(validation.items.every(({ path }) => !learnt.has(path)))
    assert.equal(training.items.length + validation.items.length, 60)
    assert.deepEqual(keepBack(set(items), 1, 256).validation.items, validation.items)
    assert.notDeepEqual(keepBack(set(items), 2, 256).validation.items, validation.items)
    assert.equal(keepBack(set(items), 1, 2).validation.items.length, 4)
    assert.throws(() => keepBack(set(items.slice(0, 1)), 1, 256), StanflowError)
  })

  test('items without a class are left out with a count, and none becomes the first class', () => {
    const training = set([item('a', { label: 'x' }), item('b'), item('c', { label: 'y' })])
    const validation = set([item('d', { label: 'y' }), item('e', { label: 'unheard of' }), item('f')])
    const divided = usable(training, validation, config('classes'))
    assert.deepEqual(
      divided.training.items.map(({ id }) => id),
      ['a', 'c'],
    )
    assert.deepEqual(
      divided.validation.items.map(({ id }) => id),
      ['d'],
    )
    assert.match(divided.notes.join('\n'), /1 of 3 left out, with no label\n.*2 of 3 left out/)
    const captioned = set([item('a', { captions: ['a dog'] })])
    assert.throws(() => usable(captioned, captioned, config('classes')), /CONFIG_INVALID|nothing is left/)
  })

  test('a table with labels alone is learnt as classes; with captions, as captions', () => {
    const labels = set([item('a', { label: 'x' }), item('b', { label: 'y' }), item('c')])
    assert.equal(usable(labels, labels, config()).training.items.length, 2)
    const both = set([item('a', { label: 'x' }), item('b', { captions: ['b'] }), item('c')])
    assert.match(usable(both, both, config()).notes.join(), /1 of 3 left out, with no text/)
  })
})

test('several questions at once decode no more than `concurrency` videos, in the order they came', async () => {
  const queue = new ClipQueue(2)
  let [running, most] = [0, 0]
  const order: number[] = []
  const jobs = (numbers: readonly number[]) =>
    numbers.map((n) => async () => {
      most = Math.max(most, ++running)
      order.push(n)
      for (let i = 0; i < 3; i++) await turn()
      running--
    })
  const [first, second] = [queue.all(jobs([1, 2, 3])), queue.all(jobs([4, 5, 6]))]
  await first
  assert.ok(order.includes(3))
  await second
  assert.equal(most, 2)
  assert.deepEqual(order, [1, 2, 3, 4, 5, 6])
})
