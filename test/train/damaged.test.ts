import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { clipShards } from '../../pipelines/clip-shards.js'
import { makeScene } from '../../src/scenes/scene.js'
import { BatchesAhead } from '../../src/train/batches-ahead.js'
import { type Position, readCheckpoint, saveCheckpoint } from '../../src/train/checkpoint.js'
import { parameter } from '../../src/train/parameters.js'
import { folderWith } from '../config/folder.js'
import { failsWith } from './fails-with.js'

const POSITION: Position = {
  ...{ stage: 0, step: 3, total: 3, seconds: 1, bestScore: -1, stageBest: -1, waited: 0, recipe: 'r' },
}

test('a checkpoint that was cut off says how the run can go on', async (t) => {
  const folder = await folderWith(t)
  const parameters = new Map([['weight', parameter([64], new Float32Array(64).fill(1))]])
  for (const [name, hint] of [
    ['checkpoint', /best\.safetensors in its place .*remove it to begin anew/],
    ['best', /Remove it, then run the same command again/],
  ] as const) {
    const path = join(folder, `${name}.safetensors`)
    await saveCheckpoint(path, parameters, POSITION)
    assert.deepEqual(readCheckpoint(path)?.position, POSITION)
    const whole = await readFile(path)
    for (const bytes of [whole.length - 1, 100, 3]) {
      await writeFile(path, whole.subarray(0, bytes))
      const reading = Promise.resolve().then(() => readCheckpoint(path))
      const error = await failsWith(reading, 'OUTPUT_CORRUPT', /no whole checkpoint/)
      assert.match(error.hint, hint)
    }
  }
})

test('a checkpoint that cannot be written is told as such, and leaves nothing behind', async (t) => {
  const folder = await folderWith(t)
  const parameters = new Map([['weight', parameter([64], new Float32Array(64).fill(1))]])
  // As a full disk, for a folder: what is to be replaced cannot be.
  await mkdir(join(folder, 'checkpoint.safetensors'))
  await failsWith(
    saveCheckpoint(join(folder, 'checkpoint.safetensors'), parameters, POSITION),
    'OUTPUT_WRITE',
    /Cannot write .*checkpoint/,
  )
  assert.deepEqual(await readdir(folder), ['checkpoint.safetensors'])
})

test('a file of clips that was cut is made anew; one that is cut under way ends the run', async (t) => {
  const folder = await folderWith(t)
  const scenes = [0, 1].map((index) =>
    makeScene({ split: 'train', seed: 1, index, motions: ['left'], pairs: 0 }),
  )
  const [frames, size] = [2, 24]
  const open = () => clipShards({ dir: folder, name: 'clips', scenes, frames, size, side: 48, jitter: true })
  const first = await open()
  t.after(() => first.close())
  const [name = ''] = (await readdir(folder)).filter((file) => file.endsWith('.rgb'))
  const path = join(folder, name)
  const whole = await readFile(path)
  assert.equal(whole.length, 2 * frames * size * size * 3)
  await truncate(path, whole.length - 1000)
  const pixels = new Uint8Array(frames * size * size * 3)
  await failsWith(
    Promise.resolve().then(() => first.readAll(1, pixels, 0)),
    'OUTPUT_CORRUPT',
    /\.rgb has not as many bytes/,
  )
  // The thread that makes batches opens the same files, and its error arrives with its code.
  const batches = new BatchesAhead({ clips: first.source, tokenizer: {}, frames, size, seed: 's' })
  const stage = { kind: 'clips', steps: 1 } as Parameters<typeof batches.take>[0]
  await failsWith(batches.take(stage, 0), 'OUTPUT_CORRUPT', /\.rgb has not as many bytes/)
  await batches.close()

  const again = await open()
  t.after(() => again.close())
  const anew = await readFile(path)
  assert.equal(anew.length, whole.length)
  // Not equal to the byte: x264 codes a scene a little otherwise now and then, on a busy machine.
  const apart = anew.reduce((sum, value, n) => sum + Math.abs(value - (whole[n] ?? 255)), 0) / anew.length
  assert.ok(apart < 10, `${apart}`)
  again.readAll(1, pixels, 0)
  assert.deepEqual(Buffer.from(pixels), anew.subarray(pixels.length))
})
