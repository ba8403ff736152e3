import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readLabels } from '../../src/config/labels.js'
import { StanflowError } from '../../src/errors.js'
import { folderWith } from './folder.js'

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof StanflowError && error.code === 'CONFIG_INVALID' && message.test(error.message)

test('labels come trimmed, each once, in the order given', async () => {
  const expected = { labels: ['a dog', 'a cat'] }
  assert.deepEqual(await readLabels(' a dog,a cat, a dog ,,'), expected)
  assert.deepEqual(await readLabels(['a dog', ' a cat', 'a dog']), expected)
})

test('labels in a list may hold commas', async () => {
  assert.deepEqual(await readLabels(['red, white and blue']), { labels: ['red, white and blue'] })
})

test('every kind of file gives the same labels', async (t) => {
  const folder = await folderWith(t, {
    'a.txt': '\uFEFFa dog\r\n\r\n  a cat\r\na dog\r\n',
    'a.jsonl': '{"label": "a dog", "id": 7}\n\n"a cat"\n',
    'a.yaml': '- a dog\n- a cat\n',
    'b.YML': 'labels: [a dog, a cat]\n',
    'a.json': '["a dog", "a cat"]',
  })
  for (const name of ['a.txt', 'a.jsonl', 'a.yaml', 'b.YML', 'a.json']) {
    assert.deepEqual(await readLabels(join(folder, name)), { labels: ['a dog', 'a cat'] }, name)
  }
})

test('a label file may bring its own prompts', async (t) => {
  const folder = await folderWith(t, {
    'good.yaml': 'labels: [1, 2]\nprompts: ["{} fingers", "{} fingers"]\n',
    'bad.yaml': 'labels: [one]\nprompts: [fingers]\n',
  })
  assert.deepEqual(await readLabels(join(folder, 'good.yaml')), {
    labels: ['1', '2'],
    prompts: ['{} fingers'],
  })
  await assert.rejects(readLabels(join(folder, 'bad.yaml')), refused(/"fingers" without \{\}/))
})

test('files that hold no labels are refused by name', async (t) => {
  const folder = await folderWith(t, {
    'empty.txt': '\n  \n',
    'broken.jsonl': '{"label": "a"}\n{"name": "b"}\n',
    'deep.yaml': 'labels: {a: 1}\n',
    'typo.yaml': 'label: [a]\n',
    'labels.csv': 'a,b\n',
  })
  const expected = {
    'empty.txt': /empty\.txt holds no label/,
    'broken.jsonl': /broken\.jsonl:2 is no label/,
    'deep.yaml': /deep\.yaml is not understood/,
    'typo.yaml': /typo\.yaml is not understood/,
    'labels.csv': /labels\.csv is of no known kind/,
    'missing.txt': /missing\.txt does not exist/,
  }
  for (const [name, message] of Object.entries(expected)) {
    await assert.rejects(readLabels(join(folder, name)), refused(message), name)
  }
  await assert.rejects(readLabels(' , '), refused(/^The label list holds no label/))
})
