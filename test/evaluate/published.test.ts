import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { publishedTable } from '../../src/cli/published-table.js'
import { publishedElsewhere, publishedOn } from '../../src/evaluate/published.js'
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

test("another split of a published data set has its own test's figures apart, a table has none", () => {
  const { split, measure, results } = publishedElsewhere('msrvtt', 'full-test') ?? {}
  assert.deepEqual([split, measure], ['test', 'R@1'])
  assert.deepEqual(results, publishedOn('msrvtt', 'test'))
  assert.equal(publishedElsewhere('ssv2', 'train')?.measure, 'top-1')
  assert.equal(publishedElsewhere('msrvtt', 'test'), undefined)
  assert.equal(publishedElsewhere('table', 'all'), undefined)
})

test('the page that people are sent to has every figure', async () => {
  const page = await readFile(new URL('../../../docs/evaluation.md', import.meta.url), 'utf8')
  const [, section = ''] = page.split('## Published figures')
  const cells = (line: string, between: RegExp): string => line.trim().split(between).join(' | ')
  const written = section
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.includes('---'))
    .map((line) => cells(line.replace(/^\||\|$/g, ''), / *\| */))
  const kept = publishedTable('model', PUBLISHED_RESULTS)
  assert.deepEqual(
    written,
    kept.slice(0, -1).map((line) => cells(line, / {2,}/)),
  )
})
