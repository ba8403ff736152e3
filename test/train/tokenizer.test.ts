import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clipTokenizerJson } from '../../src/model/embedded.js'
import { createTokenizer } from '../../src/model/tokenizer.js'
import { sceneWords } from '../../src/scenes/words.js'
import { cutTokenizer } from '../../src/train/tokenizer.js'

const full = JSON.parse(clipTokenizerJson()) as object
const cut = cutTokenizer(full, sceneWords())
const small = createTokenizer(cut.json, 'cut')

test('captions have as many tokens as in CLIP, and a token stands for one piece only', () => {
  const clip = createTokenizer(full, 'clip')
  const pairs = new Map<number, number>()
  for (const text of [
    'a red striped circle moving left',
    'a video of two things coming together.',
    'an orange moon turning anticlockwise as the camera pans right',
  ]) {
    const ids = small.encode(text, 32)
    const of = clip.encode(text, 32)
    assert.equal(ids.length, of.length)
    for (const [n, id] of ids.entries()) {
      assert.equal(pairs.get(id) ?? of[n], of[n])
      pairs.set(id, of[n] as number)
    }
  }
})

test('the vocabulary is small, and any text a person types is spelt out in it', () => {
  assert.ok(cut.vocabulary < 1000, `${cut.vocabulary}`)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const ids = small.encode(text, 32)
      assert.ok(ids.length >= 2 && ids.length <= 32)
      assert.equal(ids[0], cut.bos)
      assert.equal(ids.at(-1), cut.eos)
      for (const id of ids) assert.ok(Number.isInteger(id) && id >= 0 && id < cut.vocabulary)
    }),
  )
  assert.ok(small.encode('ein Schäferhund 犬 läuft', 32).length > 8)
})
