import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openModel } from '../../src/model/load.js'
import { fixtureJson } from '../support/fixtures.js'

const cases = fixtureJson<{ text: string; ids: number[]; ids32: number[] }[]>('clip-tokenizer/ids.json')
const tokenizer = openModel({ model: 'random:small', structure: 'auto' }).tokenizer.open()

test('every awkward string has the ids that transformers gives, at 77 and at 32 tokens', () => {
  assert.ok(cases.length > 5)
  for (const { text, ids, ids32 } of cases) {
    assert.deepEqual(tokenizer.encode(text, 77), ids, JSON.stringify(text))
    assert.deepEqual(tokenizer.encode(text, 32), ids32, JSON.stringify(text))
  }
})

test('a batch is padded to its length and knows where each text ends', () => {
  const texts = ['a cat', 'a much longer caption of a dog that runs']
  const length = 32
  const { ids, eos, count } = tokenizer.batch(texts, length)
  assert.equal(count, 2)
  assert.equal(ids.length, 2 * length)
  for (const [n, text] of texts.entries()) {
    const alone = tokenizer.encode(text, 32)
    assert.equal(eos[n], alone.length - 1)
    assert.deepEqual([...ids.subarray(n * length, n * length + alone.length)], alone)
  }
})
