import assert from 'node:assert/strict'
import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { readLog } from '../../src/train/log.js'
import { folderWith } from '../config/folder.js'
import { cli, start } from '../support/cli.js'

const RECIPE = `
seed: 3
threads: 1
frames: 4
model: { size: 24, patch: 12, width: 32, layers: 2, heads: 2, text-width: 32, text-layers: 1, dim: 32, depth: 2 }
data: { train: 120, pictures: 60, validation: 8, side: 48 }
validate-every: 10
checkpoint-seconds: 0.0001
stages:
  - { name: pictures, kind: pictures, steps: 12, batch: 8, rate: 0.001, wrong: 1, crop: 0.8, groups: [['STAN*', 0], ['aux.motions*', 0], ['*', 1]] }
  - name: motions
    kind: clips
    steps: 12
    batch: 3
    accumulate: 2
    pictures: 4
    keep: 5
    wrong: 1
    crop: 0.8
    flip: true
    dropout: 0.1
    drop-path: 0.3
    rate: 0.001
    groups: [['STAN*', 1], ['aux.motions*', 1], ['text_*', 0.3]]
`

test('after kill -9 the curve goes on as if nothing had happened', async (t) => {
  const folder = await folderWith(t, { 'train.yaml': RECIPE })
  const args = (to: string) => [
    'train',
    '--config',
    join(folder, 'train.yaml'),
    '--to',
    join(folder, to),
    '--json',
  ]
  const whole = await cli(args('whole'))
  assert.equal(whole.code, 0, whole.stderr)

  const log = join(folder, 'cut', 'log.jsonl')
  // The same clips: x264 codes a scene a little otherwise now and then, on a busy machine.
  await cp(join(folder, 'whole', 'clips'), join(folder, 'cut', 'clips'), { recursive: true })
  const stops = [5, 15]
  for (const stop of stops) {
    const { child, finished } = start(args('cut'))
    while (readLog(log).length < stop && child.exitCode === null) await wait(5)
    child.kill('SIGKILL')
    const { signal, stderr } = await finished
    assert.equal(signal, 'SIGKILL', stderr)
  }
  const rest = await cli(args('cut'))
  assert.equal(rest.code, 0, rest.stderr)

  const [once, cut] = [readLog(join(folder, 'whole', 'log.jsonl')), readLog(log)]
  assert.equal(once.length, 24)
  assert.deepEqual(
    cut.map(({ total }) => total),
    once.map(({ total }) => total),
  )
  const furthest = Math.max(...once.map((line, n) => Math.abs(Number(line.loss) - Number(cut[n]?.loss))))
  t.diagnostic(
    `largest difference of the loss over 24 steps, killed at steps ${stops.join(' and ')}: ${furthest}`,
  )
  assert.ok(furthest < 1e-6)
  for (const [n, { scores }] of once.entries()) assert.deepEqual(cut[n]?.scores, scores)
  assert.equal(once.filter(({ scores }) => scores !== undefined).length, 4)
})

test('a folder with a run of another model is refused', async (t) => {
  const folder = await folderWith(t, { 'a.yaml': RECIPE, 'b.yaml': RECIPE.replace('size: 24', 'size: 36') })
  const first = start(['train', '--config', join(folder, 'a.yaml'), '--to', join(folder, 'run')])
  while (readLog(join(folder, 'run', 'log.jsonl')).length < 3 && first.child.exitCode === null) await wait(5)
  first.child.kill('SIGTERM')
  const stopped = await first.finished
  assert.equal(stopped.code, 130, stopped.stderr)
  assert.match(stopped.stdout, /^stopped; run the same command again to go on: /)
  const clips = await readdir(join(folder, 'run', 'clips'))
  const { code, stderr } = await cli([
    'train',
    '--config',
    join(folder, 'b.yaml'),
    '--to',
    join(folder, 'run'),
  ])
  assert.equal(code, 2)
  assert.match(stderr, /CONFIG_INVALID.*another configuration/)
  assert.deepEqual(await readdir(join(folder, 'run', 'clips')), clips, 'clips were made for nothing')
})
