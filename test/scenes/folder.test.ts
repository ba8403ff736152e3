import assert from 'node:assert/strict'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ScenesOptions, writeScenes } from '../../pipelines/scenes.js'
import { openReader } from '../../src/media/open-reader.js'
import { taskScenes } from '../../src/scenes/sets.js'
import { folderWith } from '../config/folder.js'
import { smallDisk } from '../support/small-disk.js'

const SET = { task: 'motion', split: 'test', seed: 1, count: 3, side: 32 } as const

/** Every file with its bytes and the moment it was written. */
async function contents(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name)
    found.set(name, `${(await stat(path)).mtimeMs} ${await readFile(path, 'base64')}`)
  }
  return found
}

test('a folder of scenes is of one set: it grows by the same command, and takes no other', async (t) => {
  const to = await folderWith(t)
  await writeScenes({ ...SET, count: 2, to })
  const small = await contents(to)
  const grown = await writeScenes({ ...SET, to })
  assert.deepEqual([grown.videos, grown.kept], [3, 2])
  const before = await contents(to)
  for (const [name, was] of small)
    if (!name.endsWith('json') && !name.endsWith('jsonl')) assert.equal(before.get(name), was)
  assert.equal((await readFile(grown.captions, 'utf8')).trim().split('\n').length, 3)

  const others: readonly [Partial<ScenesOptions>, RegExp][] = [
    [{ side: 64 }, /scenes of side 32, not 64/],
    [{ seed: 2 }, /scenes of seed 1, not 2/],
    [{ split: 'train' }, /scenes of split test, not train/],
    [{ task: 'appearance', count: 4 }, /scenes of task motion, not appearance/],
    [{ task: 'camera' }, /scenes of task motion, not camera/],
    [{ telling: true }, /scenes of telling false, not true/],
    [{ count: 1 }, /a set of 3 scenes, more than the 1 asked for/],
  ]
  for (const [other, message] of others)
    await assert.rejects(writeScenes({ ...SET, ...other, to }), {
      ...{ code: 'OUTPUT_EXISTS', message, hint: /another --to/ },
    })
  assert.deepEqual(await contents(to), before, 'nothing was touched')
})

test('a set that was cut off goes on, and is not made smaller', async (t) => {
  const to = await folderWith(t)
  const stopping = new AbortController()
  const onProgress = (done: number): void => {
    if (done === 1) stopping.abort()
  }
  await assert.rejects(writeScenes({ ...SET, to }, { signal: stopping.signal, onProgress }), {
    name: 'AbortError',
  })
  await assert.rejects(writeScenes({ ...SET, count: 2, to }), { code: 'OUTPUT_EXISTS' })
  const whole = await writeScenes({ ...SET, to })
  assert.deepEqual([whole.videos, whole.kept], [3, 1])
})

test('videos and captions of unknown origin are not taken for a set’s own', async (t) => {
  const to = await folderWith(t, { 'captions.jsonl': 'mine\n' })
  await assert.rejects(writeScenes({ ...SET, to }), { code: 'OUTPUT_EXISTS', message: /captions\.jsonl/ })
  assert.deepEqual(await readdir(to), ['captions.jsonl'])
  await rm(join(to, 'captions.jsonl'))
  await writeFile(join(to, `${taskScenes('motion', 'test', 1, 1)[0]?.scene.id}.mp4`), 'mine')
  await assert.rejects(writeScenes({ ...SET, to }), { code: 'OUTPUT_EXISTS', message: /\.mp4/ })
  await writeFile(join(to, 'scenes.json'), '{"count": 0}')
  await assert.rejects(writeScenes({ ...SET, to }), { code: 'OUTPUT_CORRUPT', message: /scenes\.json/ })
})

test('there are so many pairs of objects to tell apart, and more are refused', () => {
  const texts = taskScenes('appearance', 'test', 1, 3645).map(({ caption }) => caption.text)
  assert.equal(new Set(texts).size, 3645)
  assert.throws(() => taskScenes('appearance', 'test', 1, 3646), { code: 'USAGE_INVALID', message: /3645/ })
})

test('two at once in one folder: one has it, the other is told', async (t) => {
  const to = await folderWith(t)
  const options = { task: 'motion', split: 'test', seed: 3, count: 3, side: 64, to } as const
  const both = await Promise.allSettled([writeScenes(options), writeScenes(options)])
  const [refused, ...others] = both.filter((one) => one.status === 'rejected')
  assert.deepEqual([refused?.reason.code, others.length], ['OUTPUT_LOCKED', 0])
  assert.equal((await readdir(to)).filter((name) => name.startsWith('.')).length, 0)
})

test('a full disk is told as one, and leaves no half video; with room again the set goes on', async (t) => {
  const disk = await smallDisk(t, '60k')
  if (disk === undefined) return
  const set = { ...SET, count: 5, side: 160, to: join(disk.dir, 'scenes') }
  await assert.rejects(writeScenes(set), { code: 'OUTPUT_FULL', message: /the disk is full/ })
  assert.deepEqual(
    (await readdir(set.to)).filter((name) => name.startsWith('.unfinished')),
    [],
  )
  await disk.resize('4m')
  const whole = await writeScenes(set)
  assert.ok(whole.videos === 5 && whole.kept > 0, `${whole.kept} kept`)
  const reader = await openReader('node-av')
  t.after(() => reader.reader.close())
  for (const name of (await readdir(set.to)).filter((file) => !/json/.test(file) && !file.startsWith('.')))
    assert.equal((await reader.reader.probe(join(set.to, name))).timestamps.length, 24, name)
})
