import assert from 'node:assert/strict'
import { appendFile, link, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readLog, TrainLog } from '../../src/train/log.js'
import { folderWith } from '../config/folder.js'

test('a log that is taken up again is replaced as a whole: what was there is never emptied', async (t) => {
  const folder = await folderWith(t)
  const path = join(folder, 'log.jsonl')
  const log = new TrainLog(path, 0)
  for (const total of [1, 2, 3]) log.write({ total, loss: 1 / total })
  await appendFile(path, '{"total":4,"lo')
  const before = await readFile(path, 'utf8')
  // A second name of the same file: it would change with it.
  await link(path, join(folder, 'before'))
  const again = new TrainLog(path, 2)
  assert.equal(await readFile(join(folder, 'before'), 'utf8'), before)
  again.write({ total: 3, loss: 7 })
  assert.deepEqual(readLog(path), [
    { total: 1, loss: 1 },
    { total: 2, loss: 0.5 },
    { total: 3, loss: 7 },
  ])
})
