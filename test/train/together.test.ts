import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { clipShards } from '../../pipelines/clip-shards.js'
import { makeScene } from '../../src/scenes/scene.js'
import { readLog } from '../../src/train/log.js'
import { folderWith } from '../config/folder.js'
import { cli, start } from '../support/cli.js'

/** Bytes of a frame. */
const FRAME = 12 * 12 * 3

test('whoever makes the same clips at the same time shares the work, and says how far it is', async (t) => {
  const folder = await folderWith(t)
  const scenes = Array.from({ length: 700 }, (_, index) => makeScene({ split: 'train', seed: 1, index }))
  const make = async (dir: string) => {
    const told: number[] = []
    const set = await clipShards({
      ...{ dir: join(folder, dir), name: 'train', scenes, frames: 12, side: 24, size: 12, jitter: true },
      onProgress: (clips) => told.push(clips),
    })
    set.close()
    return told
  }
  const [one, other] = await Promise.all([make('both'), make('both')])
  await make('alone')
  for (const told of [one, other]) {
    assert.equal(told.at(-1), 700)
    assert.deepEqual(
      told,
      told.toSorted((a, b) => a - b),
    )
  }
  // 250 clips a shard: neither made all three, and each told every clip it made.
  assert.ok(new Set(one).size > 250 && new Set(one).size < 700, `${new Set(one).size}`)
  assert.ok(new Set(other).size > 3 && new Set(other).size < 700, `${new Set(other).size}`)
  const names = await readdir(join(folder, 'alone'))
  assert.equal(names.length, 3)
  assert.deepEqual((await readdir(join(folder, 'both'))).toSorted(), names.toSorted())
  for (const name of names) {
    const [a, b] = await Promise.all(['both', 'alone'].map((dir) => readFile(join(folder, dir, name))))
    assert.equal(a?.length, b?.length, name)
    // Not equal: x264 codes a scene a little otherwise now and then, on a busy machine.
    for (let at = 0; at < (a as Buffer).length; at += FRAME) {
      const frame = (a as Buffer).subarray(at, at + FRAME)
      const apart = frame.reduce((sum, value, n) => sum + Math.abs(value - (b?.[at + n] ?? 255)), 0) / FRAME
      assert.ok(apart < 10, `${name}, frame ${at / FRAME}: ${apart}`)
    }
  }
})

test('who has to wait for clips that another makes says for whom, and goes on when they are there', async (t) => {
  const dir = await folderWith(t)
  const scenes = Array.from({ length: 40 }, (_, index) => makeScene({ split: 'train', seed: 1, index }))
  const request = { dir, name: 'train', scenes, frames: 12, side: 24, size: 12, jitter: true }
  const waits: string[] = []
  let second: Promise<number> | undefined
  // Begun while the first holds the one shard there is.
  const onProgress = (clips: number): void => {
    if (clips > 0) second ??= waiting()
  }
  const waiting = async (): Promise<number> => {
    const set = await clipShards({ ...request, onWait: (why) => waits.push(why) })
    set.close()
    return set.scenes.length
  }
  const first = await clipShards({ ...request, onProgress })
  t.after(() => first.close())
  assert.equal(await second, 40)
  assert.ok(waits.length > 0)
  assert.match(waits[0] as string, new RegExp(`Process ${process.pid} `))
})

const FILE = (seeds: string): string => `
seeds: [${seeds}]
trunk:
  threads: 1
  frames: 3
  model: { size: 24, patch: 12, width: 32, layers: 2, heads: 4, text-width: 32, text-layers: 1, dim: 32, structure: mean, depth: 2 }
  data: { train: 60, pictures: 40, validation: 6, side: 48 }
  stages: [{ name: pictures, kind: pictures, steps: 6, batch: 4, rate: 0.001 }]
stages: [{ name: motions, kind: clips, steps: 4, batch: 2, rate: 0.001 }]
variants: [{ name: self, structure: stan-self }]
`

test('two ablations with other seeds fill one folder from nothing, side by side; a third is stopped', async (t) => {
  const files = { 'one.yaml': FILE('1'), 'two.yaml': FILE('2'), 'all.yaml': FILE('1, 2, 3, 4') }
  const folder = await folderWith(t, files)
  const to = join(folder, 'runs')
  const args = (name: string) => ['ablate', '--config', join(folder, `${name}.yaml`), '--to', to]
  for (const { code, stderr } of await Promise.all([cli(args('one')), cli(args('two'))]))
    assert.equal(code, 0, stderr)
  assert.deepEqual(
    readLog(join(to, 'trunk', 'log.jsonl')).map(({ total }) => total),
    [1, 2, 3, 4, 5, 6],
  )
  const done = await Promise.all(
    [1, 2].map((seed) => readFile(join(to, `self-${seed}`, 'test.json'), 'utf8')),
  )

  const all = start(args('all'))
  while (readLog(join(to, 'self-3', 'log.jsonl')).length < 1 && all.child.exitCode === null) await wait(5)
  all.child.kill('SIGINT')
  const { code, stdout, stderr } = await all.finished
  assert.equal(code, 130, stderr)
  assert.match(stdout, /stopped; run the same command again to go on: /)
  for (const [n, before] of done.entries())
    assert.equal(await readFile(join(to, `self-${n + 1}`, 'test.json'), 'utf8'), before)
})
