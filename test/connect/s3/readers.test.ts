import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { findFfmpeg } from '../../../src/media/ffmpeg/find.js'
import { createFfmpegReader } from '../../../src/media/ffmpeg/reader.js'
import { createNodeAvReader } from '../../../src/media/node-av/reader.js'
import type { DecodedFrame, VideoInfo, VideoReader } from '../../../src/media/reader.js'
import { VIDEO_NAMES, VideoFolder } from '../../support/videos.js'
import { Bucket } from './support.js'

let bucket: Bucket
let videos: VideoFolder
const readers: VideoReader[] = []
before(async () => {
  bucket = await Bucket.make()
  videos = await VideoFolder.make()
  const programs = await findFfmpeg()
  assert.ok(programs)
  readers.push(createNodeAvReader(), createFfmpegReader(programs))
})
after(async () => {
  for (const reader of readers) await reader.close()
  await bucket.close()
  await videos.remove()
})

async function decode(reader: VideoReader, video: VideoInfo, indices: readonly number[]) {
  const frames: DecodedFrame[] = []
  for await (const frame of reader.frames({ video, indices, geometry: { kind: 'crop', size: 64 } })) {
    frames.push(frame)
  }
  return frames
}

test('of every kind of video, both readers learn and decode from a bucket what they do from a file', async () => {
  for (const name of VIDEO_NAMES) {
    const path = await videos.video(name)
    const file = await bucket.open(path)
    for (const reader of readers) {
      const local = await reader.probe(path)
      const remote = await reader.probe(file.url)
      assert.deepEqual({ ...remote, path }, local, `${name} by ${reader.name}`)
      const last = local.timestamps.length - 1
      const indices = [...new Set([0, last >> 2, last >> 1, last - 1])].sort((a, b) => a - b)
      assert.deepEqual(await decode(reader, remote, indices), await decode(reader, local, indices))
    }
    file.close()
  }
})

test('twelve frames of a long video cost a small part of its bytes, wherever its index lies', async (t) => {
  for (const [where, flags] of [
    ['at the end', {}],
    ['in front', { movflags: 'faststart' }],
  ] as const) {
    const path = await videos.render(`noise ${where}.mp4`, {
      codec: 'h264',
      gop: 25,
      bFrames: 0,
      filter: 'testsrc2=size=640x360:rate=25:duration=100,noise=alls=40:allf=t',
      encoderOptions: { preset: 'ultrafast', b: '5M', maxrate: '5M', bufsize: '5M' },
      containerOptions: flags,
    })
    for (const reader of readers) {
      const file = await bucket.open(path)
      const video = await reader.probe(file.url)
      const probed = file.fetched
      const count = video.timestamps.length
      const indices = Array.from({ length: 12 }, (_, i) => Math.floor(((i + 0.5) * count) / 12))
      const frames = await decode(reader, video, indices)
      assert.ok(frames.every(({ repeated }) => !repeated))
      const bytes = file.bytes
      t.diagnostic(
        `index ${where}, ${reader.name}: ${bytes} bytes, probe ${probed}, with frames ${file.fetched} in ${file.requests} requests`,
      )
      assert.ok(bytes > 50_000_000, `${bytes}`)
      assert.ok(probed < bytes * 0.02, `${probed} of ${bytes} for the probe`)
      // ffmpeg decodes on until it is ended, the further the busier this machine is: more than half the file was seen.
      // node-av stops by itself.
      const part = reader.name === 'node-av' ? 0.15 : 0.9
      assert.ok(file.fetched < bytes * part, `${file.fetched} of ${bytes}`)
      file.close()
    }
  }
})

test('a file cut off at its end is said to be, as on a disk', async () => {
  const whole = await readFile(await videos.video('h264'))
  const path = videos.path('cut.mp4')
  await writeFile(path, whole.subarray(0, whole.length / 2))
  for (const reader of readers) {
    const file = await bucket.open(path)
    await assert.rejects(reader.probe(file.url), { code: 'MEDIA_TRUNCATED' })
    file.close()
  }
})

test('a playlist in a bucket opens nothing', async () => {
  const target = await bucket.open(await videos.video('broadcast'))
  for (const [name, text] of Object.entries({
    'list.m3u8': `#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n${target.url}\n#EXT-X-ENDLIST\n`,
    'list.ffconcat': `ffconcat version 1.0\nfile '${target.url}'\n`,
  })) {
    const path = videos.path(name)
    await writeFile(path, text)
    for (const reader of readers) {
      const file = await bucket.open(path)
      await assert.rejects(reader.probe(file.url), { code: 'MEDIA_NOT_VIDEO' })
      file.close()
    }
  }
  assert.equal(target.fetched, 0)
})
