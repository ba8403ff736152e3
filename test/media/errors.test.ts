import assert from 'node:assert/strict'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ErrorCode, StanflowError } from '../../src/errors.js'
import { findFfmpeg } from '../../src/media/ffmpeg/find.js'
import { openReader } from '../../src/media/open-reader.js'
import type { ReaderName, VideoReader } from '../../src/media/reader.js'
import { DAMAGED } from '../support/damaged.js'
import { VideoFolder } from '../support/videos.js'
import { decodeAll } from './measure.js'

const REFUSED: Readonly<Record<string, ErrorCode>> = {
  empty: 'INPUT_EMPTY',
  missing: 'INPUT_NOT_FOUND',
  folder: 'INPUT_NOT_A_FILE',
  text: 'MEDIA_NOT_VIDEO',
  audio: 'MEDIA_NO_VIDEO_STREAM',
  coverArt: 'MEDIA_NO_VIDEO_STREAM',
  still: 'MEDIA_STILL_IMAGE',
  photo: 'MEDIA_STILL_IMAGE',
  oneFrame: 'MEDIA_TOO_SHORT',
  truncated: 'MEDIA_TRUNCATED',
  truncatedMatroska: 'MEDIA_TRUNCATED',
  withoutIndex: 'MEDIA_TRUNCATED',
}

const withCode = (code: ErrorCode) => (error: unknown) => {
  assert.ok(error instanceof StanflowError, String(error))
  assert.equal(error.code, code, error.message)
  assert.ok(error.hint.length > 0)
  return true
}

let videos: VideoFolder
const damaged = (kind: string): Promise<string> => {
  const make = DAMAGED[kind]
  assert.ok(make)
  return make(videos)
}
before(async () => {
  videos = await VideoFolder.make()
})
after(() => videos?.remove())

for (const name of ['ffmpeg', 'node-av'] satisfies ReaderName[]) {
  describe(name, () => {
    let reader: VideoReader
    before(async () => {
      reader = (await openReader(name)).reader
    })
    after(() => reader?.close())

    for (const [kind, code] of Object.entries(REFUSED)) {
      test(`${kind}: ${code}`, async () => {
        await assert.rejects(reader.probe(await damaged(kind)), withCode(code))
      })
    }

    test('no permission: INPUT_PERMISSION', {
      skip: process.getuid?.() === 0 && 'root may read all',
    }, async () => {
      const path = videos.path(`secret-${name}.mp4`)
      await writeFile(path, 'secret')
      await chmod(path, 0o000)
      await assert.rejects(reader.probe(path), withCode('INPUT_PERMISSION'))
    })

    test('a playlist cannot make a reader open other files: MEDIA_NOT_VIDEO', async () => {
      const other = await videos.video('h264')
      const path = videos.path('playlist.mp4')
      await writeFile(path, `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:4,\n${other}\n#EXT-X-ENDLIST\n`)
      await assert.rejects(reader.probe(path), withCode('MEDIA_NOT_VIDEO'))
    })

    test('nor can a script that names them: MEDIA_NOT_VIDEO', async () => {
      const other = await videos.video('h264')
      for (const script of ['script.mp4', 'script.jpg']) {
        const path = videos.path(script)
        await writeFile(path, `ffconcat version 1.0\nfile ${basename(other)}\n`)
        await assert.rejects(reader.probe(path), withCode('MEDIA_NOT_VIDEO'))
      }
    })

    test('heavy damage: MEDIA_DECODE, and says from when', async () => {
      const video = await reader.probe(await damaged('bitFlipped'))
      const decoding = decodeAll(reader, { video, indices: video.timestamps.map((_, i) => i) as never })
      await assert.rejects(decoding, (error: unknown) => {
        assert.match(String(error), /from second \d/)
        return withCode('MEDIA_DECODE')(error)
      })
    })

    test('light damage: every frame asked for, in order', async (t) => {
      const video = await reader.probe(await damaged('scratched'))
      const indices = Array.from(video.timestamps, (_, i) => i)
      const frames = await decodeAll(reader, { video, indices })
      assert.equal(frames.map(({ index }) => index).join(), indices.join())
      t.diagnostic(`${frames.filter(({ repeated }) => repeated).length} of ${frames.length} repeated`)
    })

    test('a video gone since it was probed: INPUT_CHANGED', async () => {
      const path = await videos.render(`gone-${name}.mp4`, {
        codec: 'h264',
        filter: 'testsrc2=size=64x64:duration=1',
      })
      const video = await reader.probe(path)
      await rm(path)
      await assert.rejects(decodeAll(reader, { video, indices: [0, 5] }), withCode('INPUT_CHANGED'))
    })
  })
}

describe('openReader', () => {
  const withoutFfmpeg = async <T>(work: () => Promise<T>): Promise<T> => {
    const { PATH, FFMPEG_PATH } = process.env
    process.env.PATH = videos.dir
    delete process.env.FFMPEG_PATH
    try {
      return await work()
    } finally {
      process.env.PATH = PATH
      if (FFMPEG_PATH !== undefined) process.env.FFMPEG_PATH = FFMPEG_PATH
    }
  }

  test('auto reads without ffmpeg', async () => {
    const { reader, why } = await withoutFfmpeg(() => openReader('auto'))
    assert.match(why, /node-av/)
    const video = await reader.probe(await videos.video('h264'))
    assert.equal((await decodeAll(reader, { video, indices: [0, 99] })).length, 2)
    await reader.close()
  })

  test('ffmpeg asked for and not installed: READER_MISSING', async () => {
    await withoutFfmpeg(() => assert.rejects(openReader('ffmpeg'), withCode('READER_MISSING')))
  })

  test('FFMPEG_PATH comes before PATH', async () => {
    const found = await findFfmpeg()
    assert.ok(found)
    const elsewhere = await findFfmpeg({ FFMPEG_PATH: found.ffmpeg, PATH: '' })
    assert.deepEqual(elsewhere, found)
  })
})
