import assert from 'node:assert/strict'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { EngineName } from '../../src/engine/engine.js'
import { cli } from '../support/cli.js'
import { query } from '../support/query.js'

const dir = await mkdtemp(join(tmpdir(), 'stanflow-engines-'))
after(() => rm(dir, { recursive: true, force: true }))

interface Label {
  readonly clip_id: string
  readonly rank: number
  readonly label: string
  readonly score: number
}

/** Runs the whole demo in a folder; the next engine gets the same videos. */
async function demo(engine: EngineName): Promise<Label[]> {
  const to = join(dir, 'demo')
  const { code, stderr, stdout } = await cli(['demo', '--engine', engine, '--to', to, '--json'])
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).videos.length, 10)
  const labels = await query<Label>(
    `select clip_id, rank::int rank, label, score::double score
     from read_parquet('${to}/*/results/labels/**/*.parquet') order by clip_id, rank`,
  )
  const [scenes = ''] = (await readdir(to)).filter((name) => name !== 'report.html')
  await rename(join(to, scenes, 'results'), join(dir, engine))
  return labels
}

test('--engine tfjs does the whole demo with the labels of onnxruntime', async () => {
  const expected = await demo('onnx')
  const given = await demo('tfjs')
  const names = (labels: readonly Label[]) => labels.map(({ clip_id, rank, label }) => [clip_id, rank, label])
  assert.ok(expected.length >= 94, `only ${expected.length} labels`)
  assert.deepEqual(names(given), names(expected))
  for (const [n, { score }] of given.entries())
    assert.ok(Math.abs(score - (expected[n]?.score ?? Number.NaN)) < 1e-4)
})
