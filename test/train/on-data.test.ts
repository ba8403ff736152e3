import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import type { Evaluation } from '../../pipelines/evaluate.js'
import { type SceneLine, writeScenes } from '../../pipelines/scenes.js'
import type { DataItem } from '../../src/datasets/dataset.js'
import { randomFrom } from '../../src/scenes/random.js'
import { readLog } from '../../src/train/log.js'
import { assemble } from '../../src/train/on-data/batch.js'
import { canMirror, Drawing, randomIndices } from '../../src/train/on-data/draw.js'
import { folderWith } from '../config/folder.js'
import { cli, start } from '../support/cli.js'

const item = (n: number, captions: string[] = [`caption ${n}`]): DataItem => ({
  id: `${n}`,
  path: `/${n}`,
  captions,
})
const options = { seed: 1, batch: 4, accumulate: 2, crop: 0.5, flip: true }

describe('batches of a data set', () => {
  test('every item comes once an epoch, and the same step has the same batch in every run', () => {
    const items = Array.from({ length: 12 }, (_, n) => item(n))
    const drawing = new Drawing(items, options)
    const epoch = [0, 1].flatMap((step) => [0, 1].map((part) => drawing.batch(step, part))).flat()
    assert.equal(new Set(epoch.slice(0, 12).map(({ item }) => item)).size, 12)
    const again = new Drawing(items, options)
    assert.deepEqual(again.batch(7, 1), drawing.batch(7, 1))
    assert.notDeepEqual(again.batch(7, 0), drawing.batch(7, 1))
  })

  test('one frame of each of T equal segments, in order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 64 }),
        fc.string(),
        (count, T, seed) => {
          const indices = randomIndices(count, T, randomFrom(seed))
          assert.equal(indices.length, T)
          for (const [t, index] of indices.entries()) {
            assert.ok(index >= Math.floor((t * count) / T) && index <= ((t + 1) * count) / T && index < count)
            assert.ok(t === 0 || index >= (indices[t - 1] as number))
          }
        },
      ),
    )
  })

  test('nothing that tells left from right is mirrored', () => {
    const told = [
      'a man turns left',
      'it spins clockwise',
      'Pushing something from right to left',
      'moving leftwards',
    ]
    for (const text of told) {
      assert.equal(canMirror(item(0, [text])), false, text)
      assert.equal(canMirror({ ...item(0, []), label: text }), false, text)
    }
    assert.ok(canMirror(item(0, ['a bright day, what is left out of sight'.replace('left ', '')])))
    const one = new Drawing([item(0, ['go left'])], options)
    assert.ok(one.batch(0, 0).every(({ request }) => request.mirrored === undefined))
  })

  test('a caption that is true of several clips has them all; the next clip takes the place of one that failed', () => {
    const shared = item(0, ['same', 'own'])
    const drawn = [shared, item(1, ['same']), item(2)].map((one) => ({
      ...{ item: one, text: one.captions[0] as string, request: { path: one.path } },
    }))
    const subject = { objective: 'captions', classes: [], classOf: () => 0 } as const
    const texts = (all: readonly string[]) => ({
      ...{ ids: new Int32Array(all.length), eos: new Int32Array(all.length), count: all.length, length: 1 },
    })
    const whole = assemble(drawn, { pixels: Uint8Array.of(1, 2, 3), failed: [] }, subject, texts, undefined)
    assert.deepEqual([...(whole.captions?.positive ?? [])], [1, 1, 0, 1, 1, 0, 0, 0, 1])
    const failed = [{ index: 2, message: 'broken' }]
    const less = assemble(drawn, { pixels: Uint8Array.of(1, 2, 3), failed }, subject, texts, undefined)
    assert.deepEqual([...less.pixels], [1, 2, 1])
    assert.deepEqual([...(less.captions?.positive ?? [])].slice(6), [1, 1, 1])
  })
})

test('training on a table of videos: the loss falls, kill -9 changes nothing, the model is one', async (t) => {
  const folder = await folderWith(t)
  const scenes = join(folder, 'scenes')
  await writeScenes({ task: 'motion', split: 'train', seed: 2, count: 16, side: 80, to: scenes })
  const lines = (await readFile(join(scenes, 'captions.jsonl'), 'utf8')).trim().split('\n')
  const all = lines.map((line) => JSON.parse(line) as SceneLine)
  const rows = all.map(({ path, label }, n) => {
    // Wrong captions, for the right ones are known to the model that training starts from.
    const { text } = all[(n + 4) % all.length] as SceneLine
    return `${path},${text},${label},${n < 11 ? 'train' : 'val'}`
  })
  await writeFile(join(scenes, 'broken.mp4'), 'no video')
  const table = `path,text,label,split\n${rows.join('\n')}\nbroken.mp4,a broken one,x,train\ngone.mp4,nothing,x,train\n`
  await writeFile(join(scenes, 'table.csv'), table)
  const config = `
seed: 3
threads: 1
frames: 4
model: { from: default, structure: stan-conv }
data: { kind: table, place: ${join(scenes, 'table.csv')}, reader: node-av }
steps: 8
batch: 4
accumulate: 2
rate: 0.001
groups: [['STAN*', 1], ['text_*', 1], ['visual_projection*', 1]]
crop: 0.8
flip: true
dropout: 0.1
drop-path: 0.2
validate-every: 4
checkpoint-seconds: 0.0001
`
  // How many videos are decoded at once changes nothing; another rate would.
  const configs = {
    train: config,
    slower: config.replace('reader: node-av', 'reader: node-av, concurrency: 1'),
    faster: config.replace('rate: 0.001', 'rate: 0.002'),
  }
  for (const [name, text] of Object.entries(configs)) await writeFile(join(folder, `${name}.yaml`), text)
  const args = (to: string, name: keyof typeof configs = 'train') => [
    ...['train', '--config', join(folder, `${name}.yaml`), '--to', join(folder, to)],
  ]
  const whole = await cli([...args('whole'), '--plot'])
  assert.equal(whole.code, 0, whole.stderr)
  assert.match(whole.stderr, /split train: 12 videos, 1 video missing/)
  assert.match(whole.stderr, /passed over .*broken\.mp4/)
  const once = readLog(join(folder, 'whole', 'log.jsonl'))
  const mean = (from: number, to: number): number =>
    once.slice(from, to).reduce((sum, { loss }) => sum + Number(loss), 0) / (to - from)
  t.diagnostic(`loss ${mean(0, 3).toFixed(3)} → ${mean(5, 8).toFixed(3)}`)
  assert.ok(mean(5, 8) < 0.9 * mean(0, 3))
  assert.deepEqual(
    once.filter(({ scores }) => scores !== undefined).map(({ total }) => total),
    [4, 8],
  )
  assert.match(await readFile(join(folder, 'whole', 'plot.svg'), 'utf8'), /retrieval R@1/)

  const log = join(folder, 'cut', 'log.jsonl')
  await mkdir(join(folder, 'cut'))
  const { child, finished } = start(args('cut'))
  while (readLog(log).length < 3 && child.exitCode === null) await wait(5)
  child.kill('SIGKILL')
  assert.equal((await finished).signal, 'SIGKILL')
  const refused = await cli(args('cut', 'faster'))
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /CONFIG_INVALID.*another configuration: rate\b/)
  const rest = await cli(args('cut', 'slower'))
  assert.equal(rest.code, 0, rest.stderr)
  const cut = readLog(log)
  const furthest = Math.max(...once.map((line, n) => Math.abs(Number(line.loss) - Number(cut[n]?.loss))))
  t.diagnostic(`largest difference after kill -9: ${furthest}`)
  assert.ok(cut.length === once.length && furthest < 1e-6)

  const model = join(folder, 'whole', 'model')
  const scored = await cli([
    ...['evaluate', join(scenes, 'table.csv'), '--split', 'val', '--frames', '4', '--model', model],
    ...['--engine', 'onnx', '--json'],
  ])
  assert.equal(scored.code, 0, scored.stderr)
  const { retrieval } = JSON.parse(scored.stdout) as Evaluation
  assert.equal(retrieval?.cosine?.textToVideo.candidates, 5)
})

test('classes are learnt from their texts, and a key that is none is told', async (t) => {
  const folder = await folderWith(t)
  const scenes = join(folder, 'scenes')
  await writeScenes({ task: 'motion', split: 'train', seed: 4, count: 12, side: 80, to: scenes })
  const config = (more: string): string => `
threads: 1
frames: 4
model: { from: default, structure: stan-self, depth: 2 }
data: { kind: table, place: ${join(scenes, 'captions.jsonl')}, split: all, validation: { most: 6 } }
objective: classes
steps: 4
batch: 6
rate: 0.001
groups: [['STAN*', 1]]
validate-every: 4
${more}`
  await writeFile(join(folder, 'a.yaml'), config(''))
  await writeFile(join(folder, 'b.yaml'), config('speed: 3'))
  const run = (name: string) =>
    cli(['train', '--config', join(folder, name), '--to', join(folder, 'run'), '--json'])
  const wrong = await run('b.yaml')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /CONFIG_INVALID.*speed/)
  const done = await run('a.yaml')
  assert.equal(done.code, 0, done.stderr)
  const lines = readLog(join(folder, 'run', 'log.jsonl'))
  assert.ok(Number(lines.at(-1)?.loss) < Number(lines[0]?.loss), lines.map(({ loss }) => loss).join())
  assert.deepEqual(Object.keys(lines.at(-1)?.scores ?? {}), ['recognition'])
})
