import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { archiveNeeds, camerasNeed } from '../../infra/scaling/needs.js'
import { tables, withTables } from '../../infra/scaling/tables.js'

test("docs/scaling.md has the program's tables", () => {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/scaling.md', import.meta.url)), 'utf8')
  for (const table of Object.values(tables()))
    assert.ok(page.includes(table), 'run: npm run scaling -- --write')
  assert.equal(withTables(page), page)
})

test('ten times the load takes ten times as much where nothing is rounded, and no clip is dearer for it', () => {
  const [some, more] = [camerasNeed(1000, 'whole', 12), camerasNeed(10_000, 'whole', 12)]
  assert.ok(Math.abs(more.decoderCores / some.decoderCores - 10) < 1e-9)
  assert.ok(Math.abs(more.topicBytes / some.topicBytes - 10) < 1e-9)
  assert.ok(more.dollarsPerMillion <= some.dollarsPerMillion)
  assert.ok(camerasNeed(1000, 'split', 12).modelGpus > some.modelGpus, 'clips in a topic share no frames')
  assert.ok(archiveNeeds(1e6, 64).modelGpus > archiveNeeds(1e6, 12).modelGpus)
})
