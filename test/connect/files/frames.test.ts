import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Folder } from '../../../src/connect/files/folder-blobs.js'
import { readResults } from '../../../src/connect/files/results.js'
import { clips, inFolder, open, RECIPE, video } from './support.js'

const FRAMES = 4

for (const format of ['parquet', 'jsonl'] as const) {
  test(`${format}: the vectors of frames are stored where they are given, and stay when a part is rewritten`, () =>
    inFolder(async (dir) => {
      const [a, b, changed] = [video('a.mp4'), video('b.mp4'), video('a.mp4', 'other bytes')]
      const framed = (of: typeof a, weighed: boolean) =>
        clips(of, 0, 2).map((clip, n) => ({
          ...clip,
          frames: {
            vectors: Float32Array.from({ length: FRAMES * RECIPE.dim }, (_, i) => Math.sin(i + n)),
            ...(weighed && { weights: Float32Array.from({ length: FRAMES }, (_, i) => (i + n) / 10) }),
          },
        }))
      const write = async (of: typeof a, rows: ReturnType<typeof clips>): Promise<void> => {
        const results = await open(dir, { format })
        await results.write(of, rows)
        await results.finish(of, rows.length)
        await results.close()
      }
      const stored = await open(dir, { format })
      for (const one of [a, b]) {
        await stored.write(one, framed(one, true))
        await stored.finish(one, 2)
      }
      await stored.close()
      // The part that has both loses this one, and is written anew.
      await write(changed, clips(changed, 0, 2))
      const found = new Map<string, unknown>()
      for await (const { source, clips: own } of readResults(new Folder(dir), { frames: true })) {
        found.set(
          source,
          own.map(({ frames }) => frames),
        )
      }
      assert.deepEqual(
        found.get('b.mp4'),
        framed(b, true).map(({ frames }) => frames),
      )
      assert.deepEqual(found.get('a.mp4'), [undefined, undefined])
      for await (const { clips: own } of readResults(new Folder(join(dir)))) {
        assert.ok(
          own.every(({ frames }) => frames === undefined),
          'only who asks gets them',
        )
      }
    }))
}
