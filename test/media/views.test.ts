import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { StanflowError } from '../../src/errors.js'
import { cropView, framesIn } from '../../src/evaluate/plan.js'
import { openReader } from '../../src/media/open-reader.js'
import type { DecodedFrame, VideoReader } from '../../src/media/reader.js'
import { VideoFolder, type VideoName } from '../support/videos.js'
import { decodeAll } from './measure.js'

const SIZE = 48

describe('crops of a video', () => {
  let videos: VideoFolder
  const readers: VideoReader[] = []
  before(async () => {
    videos = await VideoFolder.make()
    for (const name of ['node-av', 'ffmpeg'] as const) readers.push((await openReader(name)).reader)
  })
  after(async () => {
    for (const reader of readers) await reader.close()
    await videos.remove()
  })

  for (const name of ['h264', 'phone'] as const satisfies readonly VideoName[]) {
    test(`${name}: the middle one is what the model sees otherwise; the ends are the ends of the longer side`, async () => {
      const path = await videos.video(name)
      for (const reader of readers) {
        const info = await reader.probe(path)
        const one = async (kind: 'crop' | 'cover'): Promise<DecodedFrame> => {
          const geometry = { kind, size: SIZE }
          return (await decodeAll(reader, { video: info, indices: [3], geometry }))[0] as DecodedFrame
        }
        const [crop, cover] = [await one('crop'), await one('cover')]
        assert.equal(Math.min(cover.width, cover.height), SIZE)
        assert.ok(Math.max(cover.width, cover.height) > SIZE)
        const view = (n: number): Uint8Array => {
          const target = new Uint8Array(SIZE * SIZE * 3)
          cropView(cover, SIZE, n, target)
          return target
        }
        assert.deepEqual(view(0), crop.pixels)
        const pixel = (x: number, y: number): Uint8Array =>
          cover.pixels.subarray((y * cover.width + x) * 3, (y * cover.width + x + 1) * 3)
        assert.deepEqual(view(1).subarray(0, 3), pixel(0, 0))
        assert.deepEqual(view(2).subarray(-3), pixel(cover.width - 1, cover.height - 1))
      }
    })
  }
})

test('the frames of a part: from the first at its start to the last before its end', () => {
  const times = [0, 0.5, 1, 1.5, 2]
  assert.deepEqual(framesIn(times, undefined), { first: 0, count: 5 })
  assert.deepEqual(framesIn(times, { start: 0.5, end: 1.5 }), { first: 1, count: 2 })
  assert.deepEqual(framesIn(times, { start: 1.2, end: 99 }), { first: 3, count: 2 })
  const beyond = (): unknown => framesIn(times, { start: 3, end: 4 })
  assert.throws(beyond, (error) => error instanceof StanflowError && error.code === 'MEDIA_TOO_SHORT')
})
