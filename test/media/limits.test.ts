import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { type ErrorCode, StanflowError } from '../../src/errors.js'
import { LIMITS, type MediaLimits, withinLimits } from '../../src/media/limits.js'
import { openReader } from '../../src/media/open-reader.js'
import type { ReaderName } from '../../src/media/reader.js'
import { h264Bomb, writeVideoBombs } from '../harness/fuzz/bombs.js'
import { VideoFolder } from '../support/videos.js'
import { decodeAll } from './measure.js'

/** What each is refused with; by either reader alike. */
const REFUSED: Readonly<Record<string, ErrorCode>> = {
  'bomb-h264.h264': 'MEDIA_TOO_LARGE',
  'bomb-long.mkv': 'MEDIA_TOO_LONG',
  'bomb-aspect.mkv': 'MEDIA_TOO_LARGE',
  'bomb-line.mkv': 'MEDIA_TOO_LARGE',
  'bomb-samples.mp4': 'MEDIA_TRUNCATED',
}

let videos: VideoFolder
let bombs: ReadonlyMap<string, Buffer>
before(async () => {
  videos = await VideoFolder.make()
  bombs = await writeVideoBombs(videos.path('bombs'))
})
after(() => videos?.remove())

async function withReader<T>(
  name: ReaderName,
  limits: Partial<MediaLimits>,
  work: (reader: Awaited<ReturnType<typeof openReader>>['reader']) => Promise<T>,
): Promise<T> {
  const { reader } = await openReader(name, { limits: { ...LIMITS, ...limits } })
  try {
    return await work(reader)
  } finally {
    await reader.close()
  }
}

const withCode = (code: ErrorCode) => (error: unknown) => {
  assert.ok(error instanceof StanflowError, String(error))
  assert.equal(error.code, code, error.message)
  assert.ok(error.hint.length > 0)
  return true
}

for (const name of ['ffmpeg', 'node-av'] satisfies ReaderName[]) {
  describe(`limits, ${name}`, () => {
    for (const [file, code] of Object.entries(REFUSED)) {
      test(`${file}: ${code}`, async () => {
        const path = videos.path(`${name}-${file}`)
        await writeFile(path, bombs.get(file) as Buffer)
        await withReader(name, {}, (reader) => assert.rejects(reader.probe(path), withCode(code)))
      })
    }

    test('each limit refuses what is over it, and takes what is within', async () => {
      const path = await videos.video('h264')
      const probe = (limits: Partial<MediaLimits>) => withReader(name, limits, (reader) => reader.probe(path))
      await probe({ pixels: 192 * 144, duration: 4 })
      await assert.rejects(probe({ pixels: 192 * 144 - 1 }), withCode('MEDIA_TOO_LARGE'))
      await assert.rejects(probe({ duration: 3.9 }), withCode('MEDIA_TOO_LONG'))
      await assert.rejects(probe({ bytes: 1000 }), withCode('MEDIA_TOO_LARGE'))
    })

    test('pictures that grow amid a video are not decoded', async () => {
      // Raw H.264: a second head in the middle of the stream is taken up as any other.
      const small = await videos.render('small.h264', {
        codec: 'h264',
        filter: 'testsrc2=size=64x48:rate=25:duration=1',
      })
      const path = videos.path(`grows-${name}.h264`)
      await writeFile(path, Buffer.concat([await readFile(small), h264Bomb(8192)]))
      await withReader(name, {}, async (reader) => {
        const video = await reader.probe(path)
        const indices = Array.from(video.timestamps, (_, i) => i)
        await assert.rejects(decodeAll(reader, { video, indices }), (error: unknown) => {
          assert.ok(error instanceof StanflowError)
          return ['MEDIA_TOO_LARGE', 'MEDIA_DECODE'].includes(error.code)
        })
      })
    })

    test('a decoder has so much processor time: MEDIA_TOO_COSTLY', async () => {
      const path = await videos.video('h264')
      // A minute is free, so less than nothing for each second of video leaves one second, or none.
      await withReader(name, { cpu: -14.9 }, async (reader) => {
        const video = await reader.probe(path)
        const indices = Array.from(video.timestamps, (_, i) => i)
        const frames = reader.frames({ video, indices, geometry: { kind: 'crop', size: 1536 } })
        await assert.rejects(async () => {
          for await (const _ of frames);
        }, withCode('MEDIA_TOO_COSTLY'))
      })
    })
  })
}

test('a decoder that may take too little memory ends alone, and it is said what allows more', async () => {
  const path = await videos.video('h264')
  await withReader('node-av', { memory: 70e6 }, async (reader) => {
    await assert.rejects(reader.probe(path), (error: unknown) => {
      withCode('MEDIA_CRASH')(error)
      assert.match((error as StanflowError).hint, /--max-memory/)
      return true
    })
  })
})

test('an ffmpeg whose pictures take more memory than it may have ends alone, and it is said what allows more', async () => {
  const path = await videos.video('h264')
  const decoded = (memory: number) =>
    withReader('ffmpeg', { memory }, async (reader) => {
      const video = await reader.probe(path)
      // 50 MB a picture.
      const frames = reader.frames({ video, indices: [0, 1], geometry: { kind: 'crop', size: 4096 } })
      let count = 0
      for await (const _ of frames) count++
      return count
    })
  await assert.rejects(decoded(70e6), (error: unknown) => {
    withCode('MEDIA_CRASH')(error)
    assert.match((error as StanflowError).hint, /--max-memory/)
    return true
  })
  assert.equal(await decoded(1e9), 2)
})

test('a recording of a whole day, on which clocks went back, of 8K pictures is within the limits', async () => {
  const { reader } = await openReader('node-av')
  try {
    const video = await reader.probe(await videos.video('h264'))
    const sizes = { width: 7680, height: 4320, displayWidth: 7680, displayHeight: 4320 }
    const day = { ...video, ...sizes, duration: 25 * 3600 + 0.04 }
    assert.equal(withinLimits(day, LIMITS), day)
  } finally {
    await reader.close()
  }
})
