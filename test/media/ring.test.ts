import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import sharp from 'sharp'
import { openReader } from '../../src/media/open-reader.js'
import type { VideoReader } from '../../src/media/reader.js'
import { cutToJpeg, cutToMp4 } from '../../src/media/ring/export.js'
import { type Cut, type Piece, Ring } from '../../src/media/ring/ring.js'
import { piecesOf } from '../support/pieces.js'
import { VideoFolder, type VideoName } from '../support/videos.js'
import { decodeAll, spelled } from './measure.js'

const run = promisify(execFile)
const FFMPEG = process.env.FFMPEG_PATH || 'ffmpeg'
const BEGIN = 1_700_000_000
const RATE = 25

let videos: VideoFolder
let reader: VideoReader
before(async () => {
  videos = await VideoFolder.make()
  reader = (await openReader('node-av')).reader
})
after(async () => {
  await reader?.close()
  await videos?.remove()
})

const ringOf = (pieces: readonly Piece[], options = { seconds: 60, bytes: 2 ** 24 }): Ring => {
  const ring = new Ring(options)
  for (const piece of pieces) ring.add(piece)
  return ring
}

/** The numbers that the frames of an MP4 spell, and what ffprobe says of it. */
async function read(mp4: Buffer, name: string) {
  const path = videos.path(name)
  await writeFile(path, mp4)
  const entries = 'stream=codec_name,codec_tag_string,start_time:format_tags=creation_time'
  const asked = ['-v', 'error', '-show_entries', entries, '-of', 'json', path]
  const said = (await run('ffprobe', asked)).stdout
  const { streams, format } = JSON.parse(said) as {
    streams: { codec_name: string; codec_tag_string: string; start_time: string }[]
    format: { tags?: { creation_time?: string } }
  }
  const video = await reader.probe(path)
  const indices = Array.from(video.timestamps, (_, n) => n)
  const frames = await decodeAll(reader, { video, indices })
  const numbers = frames.map((frame) => spelled(frame, video.displayWidth / video.displayHeight))
  return { streams, created: format.tags?.creation_time, numbers }
}

for (const [name, tag] of [
  ['h264', 'avc1'],
  ['hevc', 'hvc1'],
] as const satisfies readonly (readonly [VideoName, string])[]) {
  test(`the seconds around a moment come out as they came in, from a keyframe on: ${name}`, async () => {
    const pieces = await piecesOf(await videos.video(name), 0, BEGIN)
    assert.equal(pieces.length, 100)
    const ring = ringOf(pieces)
    // Frame 50 is the moment; B-frames are decoded up to a tenth of a second before they are shown.
    const cut = ring.cut(BEGIN + 1.5, BEGIN + 2.5) as Cut
    assert.ok(cut.fromStart)
    const { streams, created, numbers } = await read(await cutToMp4(FFMPEG, cut), `${name}-cut.mp4`)
    assert.deepEqual(
      streams.map(({ codec_name, codec_tag_string }) => [codec_name, codec_tag_string]),
      [[name, tag]],
    )
    // MP4 has whole seconds.
    assert.equal(Date.parse(created ?? '') / 1000, Math.floor(cut.start))
    const [first = 0, last = 0] = [numbers[0], numbers.at(-1)]
    assert.deepEqual(
      numbers,
      Array.from({ length: last - first + 1 }, (_, n) => first + n),
      'every frame, once',
    )
    assert.ok(first <= 1.5 * RATE + 4 && first >= 0, `from ${first}`)
    assert.ok(last >= 2.5 * RATE && last <= 3.5 * RATE, `to ${last}`)
    assert.ok(numbers.includes(50))

    const jpeg = await cutToJpeg(FFMPEG, cut, cut.start + (50 - first) / RATE)
    const { data, info } = await sharp(jpeg).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    const frame = { ...info, index: 0, time: 0, pixels: new Uint8Array(data) }
    assert.deepEqual([info.width, info.height], [192, 144])
    assert.equal(spelled(frame as never, 192 / 144), 50)
    // Past the end there is the last one.
    assert.ok((await cutToJpeg(FFMPEG, cut, cut.end + 100)).length > 100)
  })
}

describe('a ring', () => {
  test('joins no two connections: the one that has the moment is cut', async () => {
    const path = await videos.video('h264')
    const [one, other] = [await piecesOf(path, 0, BEGIN), await piecesOf(path, 1, BEGIN + 10)]
    const ring = ringOf([...one, ...other])
    const early = ring.cut(BEGIN - 5, BEGIN + 20, BEGIN + 3) as Cut
    assert.deepEqual([early.start < BEGIN + 1, early.end < BEGIN + 5, early.fromStart], [true, true, false])
    assert.equal((await read(await cutToMp4(FFMPEG, early), 'early.mp4')).numbers.length, 100)
    const late = ring.cut(BEGIN, BEGIN + 20, BEGIN + 12) as Cut
    assert.ok(late.start > BEGIN + 9)
    assert.equal(ring.cut(BEGIN - 50, BEGIN - 40), undefined)
  })

  test('is waited for until the stream has come so far, another begins, or nobody wants to wait any more', async () => {
    const pieces = await piecesOf(await videos.video('h264'), 0, BEGIN)
    const ring = ringOf(pieces.slice(0, 50))
    const never = new AbortController()
    let isThere = false
    const waiting = ring.until(BEGIN + 3, never.signal).then(() => {
      isThere = true
    })
    for (const piece of pieces.slice(50, 60)) ring.add(piece)
    await new Promise(setImmediate)
    assert.ok(!isThere)
    for (const piece of pieces.slice(60)) ring.add(piece)
    await waiting
    const other = ring.until(BEGIN + 100, never.signal)
    ring.add({ ...(pieces[0] as Piece), run: 1, time: BEGIN + 8 })
    await other
    const given = ring.until(BEGIN + 1000, never.signal)
    never.abort()
    await given
  })

  test('holds the last seconds, and never more bytes than it may, whatever comes', () => {
    const piece = fc.record({
      key: fc.boolean(),
      size: fc.integer({ min: 1, max: 400 }),
      after: fc.double({ min: 0.01, max: 3, noNaN: true }),
      isOther: fc.boolean(),
    })
    const header = new Uint8Array(8)
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 120 }), (all) => {
        const [seconds, bytes] = [5, 1000]
        const ring = new Ring({ seconds, bytes })
        const came: Piece[] = []
        let [time, run, total] = [0, 0, 0]
        for (const { key, size, after, isOther } of all) {
          time += after
          if (isOther) run++
          const one = { run, header, time, key, bytes: new Uint8Array(size) }
          came.push(one)
          total += size
          ring.add(one)
          assert.ok(ring.facts.bytes <= bytes, `${ring.facts.bytes} bytes`)
        }
        // Where bytes were no matter, nothing of the last seconds is missing from a keyframe on.
        const cut = ring.cut(time - seconds, time)
        const connection = came.filter((one) => one.run === run)
        const from = connection.findLastIndex((one) => one.key && one.time <= time - seconds)
        const key = from >= 0 ? from : connection.findIndex((one) => one.key)
        if (total <= bytes && key >= 0) {
          assert.deepEqual(
            cut?.pieces.slice(1).map((one) => one.length),
            connection.slice(key).map((one) => one.bytes.length),
          )
        }
        for (const one of cut?.pieces.slice(1, 2) ?? [])
          assert.ok(came.find(({ bytes: own }) => own === one)?.key, 'it begins with a keyframe')
      }),
      { numRuns: 2000 },
    )
  })
})
