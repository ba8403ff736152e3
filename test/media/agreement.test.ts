import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { pattern } from '../../src/media/ffmpeg/pattern.js'
import { openReader } from '../../src/media/open-reader.js'
import type { VideoInfo, VideoReader } from '../../src/media/reader.js'
import { changingVideo, VIDEO_NAMES, VIDEOS, VideoFolder, type VideoName } from '../support/videos.js'
import { decodeAll, difference, spelled } from './measure.js'

const run = promisify(execFile)

/** Mean grey levels that the readers' pictures may differ by. */
const CLOSE = 2

let videos: VideoFolder
let ffmpeg: VideoReader
let nodeAv: VideoReader
before(async () => {
  videos = await VideoFolder.make()
  ffmpeg = (await openReader('ffmpeg')).reader
  nodeAv = (await openReader('node-av')).reader
})
after(async () => {
  await Promise.all([ffmpeg?.close(), nodeAv?.close()])
  await videos?.remove()
})

/** A few frames far apart, with keyframes between them, and one right before and at a keyframe. */
function sparse({ timestamps, keyframes }: VideoInfo): number[] {
  const count = timestamps.length
  const key = keyframes.at(-1) ?? 0
  const picked = [0, 1, Math.floor(count / 2), key - 1, key, count - 1]
  return [...new Set(picked.filter((index) => index >= 0))].sort((a, b) => a - b)
}

/** More frames than an expression can name, and the last left out. */
const dense = ({ timestamps }: VideoInfo): number[] =>
  Array.from({ length: timestamps.length - 2 }, (_, i) => i + 1)

const isMarked = (name: VideoName): boolean => 'marked' in VIDEOS[name]

describe('both readers say and show the same of', () => {
  for (const name of VIDEO_NAMES) {
    test(name, async (t) => {
      const path = await videos.video(name)
      const info = await nodeAv.probe(path)
      assert.deepEqual(await ffmpeg.probe(path), info)
      const aspect = info.displayWidth / info.displayHeight
      const row: string[] = []
      for (const [kind, indices] of [
        ['sparse', sparse(info)],
        ['dense', dense(info)],
      ] as const) {
        const a = await decodeAll(ffmpeg, { video: info, indices })
        const b = await decodeAll(nodeAv, { video: info, indices })
        for (const frames of [a, b]) {
          assert.equal(frames.map(({ index }) => index).join(), indices.join())
          assert.ok(frames.every(({ repeated }) => !repeated))
          if (isMarked(name)) {
            assert.equal(frames.map((frame) => spelled(frame, aspect)).join(), indices.join())
          }
        }
        assert.equal(a.map(({ time }) => time).join(), b.map(({ time }) => time).join())
        const differences = a.map(({ pixels }, i) => difference(pixels, b[i]?.pixels ?? new Uint8Array()))
        const worst = Math.max(...differences)
        row.push(`${kind}: ${indices.length} frames, ${worst.toFixed(3)}`)
        assert.ok(worst < CLOSE, `${kind}: frames differ by ${worst} grey levels`)
      }
      t.diagnostic(
        `${name} (${info.codec}, ${info.pixelFormat}): grey levels apart at most, ${row.join('; ')}`,
      )
    })
  }
})

test('a video may change its size midway', async () => {
  const video = await nodeAv.probe(await changingVideo(videos))
  assert.deepEqual(await ffmpeg.probe(video.path), video)
  const indices = Array.from(video.timestamps, (_, i) => i)
  for (const reader of [ffmpeg, nodeAv]) {
    const frames = await decodeAll(reader, { video, indices })
    const shown = frames.map((frame) => spelled(frame, 4 / 3))
    assert.equal(shown.join(), indices.join(), reader.name)
  }
})

test('a video trimmed by an edit list shows nothing from before the cut', async (t) => {
  const path = videos.path('trimmed.mp4')
  const whole = await videos.video('h264')
  await run('ffmpeg', ['-v', 'error', '-y', '-ss', '1.3', '-i', whole, '-c', 'copy', path])
  const video = await nodeAv.probe(path)
  assert.deepEqual(await ffmpeg.probe(path), video)
  const indices = Array.from(video.timestamps, (_, i) => i)
  const [a = [], b = []] = await Promise.all(
    [ffmpeg, nodeAv].map(async (reader) =>
      (await decodeAll(reader, { video, indices })).map((frame) => spelled(frame, 4 / 3)),
    ),
  )
  t.diagnostic(`${video.timestamps.length} frames, from ${a[0]} to ${a.at(-1)}`)
  assert.deepEqual(b, a)
  assert.ok(a[0] === 32 || a[0] === 33, `first is frame ${a[0]}`)
  assert.ok(a.every((frame, i) => i === 0 || frame === (a[i - 1] ?? 0) + 1))
})

test('windows that overlap are told by a pattern, and come out whole', async () => {
  const video = await nodeAv.probe(
    await videos.render('long.mp4', {
      codec: 'h264',
      gop: 50,
      filter: 'testsrc2=size=96x72:rate=30:duration=60',
    }),
  )
  const windows = Array.from({ length: 29 }, (_, w) =>
    Array.from({ length: 12 }, (_, i) => 60 * w + Math.round((i * 119) / 11)),
  )
  const indices = [...new Set(windows.flat())].sort((a, b) => a - b)
  const stamps = Float64Array.from(indices, (index) => video.timestamps[index] ?? 0)
  const gap = (video.timestamps[1] ?? 0) - (video.timestamps[0] ?? 0)
  assert.match(pattern(stamps, gap) ?? '', /mod\(pts/)
  const frames = await decodeAll(ffmpeg, { video, indices })
  assert.equal(frames.map(({ index, repeated }) => (repeated ? -1 : index)).join(), indices.join())
})
