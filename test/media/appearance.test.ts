import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { findFfmpeg } from '../../src/media/ffmpeg/find.js'
import { openReader } from '../../src/media/open-reader.js'
import type { Geometry, ReaderName, VideoReader } from '../../src/media/reader.js'
import { VideoFolder, type VideoName } from '../support/videos.js'
import { colourAt, combing, decodeAll, type Rgb } from './measure.js'

/** Grey levels that lossy coding may cost a flat colour. */
const NEAR = 24

const RED: Rgb = [255, 0, 0]
const GREEN: Rgb = [0, 255, 0]
const BLUE: Rgb = [0, 0, 255]
const YELLOW: Rgb = [255, 255, 0]
const halved = (colour: Rgb): Rgb => [colour[0] / 2, colour[1] / 2, colour[2] / 2]

/** RGB of the first frame, turned and flipped by ffmpeg itself. */
async function decodedByFfmpeg(path: string): Promise<Uint8Array> {
  const programs = await findFfmpeg()
  assert.ok(programs)
  const args = ['-v', 'error', '-i', path, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1']
  const { stdout } = await promisify(execFile)(programs.ffmpeg, args, {
    encoding: 'buffer',
    maxBuffer: 2 ** 24,
  })
  return stdout
}

let videos: VideoFolder
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

    const first = async (video: VideoName, geometry: Geometry, index = 0) => {
      const info = await reader.probe(await videos.video(video))
      const [frame] = await decodeAll(reader, { video: info, indices: [index], geometry })
      assert.ok(frame)
      return { info, frame }
    }

    /** Colours of the corners, clockwise from the top left, a little inside. */
    const assertCorners = (frame: Awaited<ReturnType<typeof first>>['frame'], wanted: readonly Rgb[]) => {
      const places = [
        [0.08, 0.08],
        [0.92, 0.08],
        [0.92, 0.92],
        [0.08, 0.92],
      ] as const
      for (const [i, [x, y]] of places.entries()) {
        const seen = colourAt(frame, x, y)
        const off = Math.max(...seen.map((value, channel) => Math.abs(value - (wanted[i]?.[channel] ?? 0))))
        assert.ok(off < NEAR, `corner ${i} is ${seen}, not ${wanted[i]}`)
      }
    }

    test('shows a phone clip upright', async () => {
      const { info, frame } = await first('phone', { kind: 'height', height: 192 })
      assert.deepEqual([info.displayWidth, info.displayHeight, info.rotation], [108, 192, 90])
      assert.deepEqual([frame.width, frame.height], [108, 192])
      assertCorners(frame, [BLUE, RED, GREEN, YELLOW])
    })

    test('shows a video that was held upside down upright', async () => {
      const { frame } = await first('upsideDown', { kind: 'height', height: 108 })
      assertCorners(frame, [YELLOW, BLUE, RED, GREEN])
    })

    for (const video of ['mirrored0', 'mirrored90', 'mirrored180', 'mirrored270'] satisfies VideoName[]) {
      test(`shows a mirrored recording as ffmpeg does: ${video}`, async () => {
        const { info } = await first(video, { kind: 'height', height: 108 })
        const { displayWidth: width, displayHeight: height } = info
        const { frame } = await first(video, { kind: 'height', height })
        assert.deepEqual([frame.width, frame.height], [width, height])
        const shown = await decodedByFfmpeg(await videos.video(video))
        assert.equal(shown.length, width * height * 3)
        const corner = (x: number, y: number) => colourAt({ ...frame, pixels: shown }, x, y)
        assertCorners(frame, [corner(0.08, 0.08), corner(0.92, 0.08), corner(0.92, 0.92), corner(0.08, 0.92)])
      })
    }

    test('stretches pixels that are not square', async () => {
      const { info, frame } = await first('widePixels', { kind: 'height', height: 144 })
      assert.deepEqual([info.width, info.displayWidth, info.displayHeight], [144, 192, 144])
      assert.deepEqual([frame.width, frame.height], [192, 144])
      assertCorners(frame, [RED, GREEN, YELLOW, BLUE])
    })

    for (const video of ['transparent', 'transparentWeb', 'transparentAnimation'] satisfies VideoName[]) {
      test(`shows half-transparent colours over black: ${video}`, async () => {
        const { info, frame } = await first(video, { kind: 'height', height: 144 })
        assert.ok(info.hasAlpha)
        assertCorners(frame, [RED, GREEN, YELLOW, BLUE].map(halved))
      })
    }

    for (const video of ['interlacedMpeg2', 'interlacedH264'] satisfies VideoName[]) {
      test(`leaves no combs: ${video}`, async (t) => {
        const { info, frame } = await first(video, { kind: 'height', height: 144 }, 25)
        assert.ok(info.interlaced)
        const whole = combing(frame)
        const woven = await first(video, { kind: 'height', height: 144 }, 25).then(({ info: same }) =>
          decodeAll(reader, {
            video: { ...same, interlaced: false },
            indices: [25],
            geometry: { kind: 'height', height: 144 },
          }),
        )
        const combs = woven[0] === undefined ? 0 : combing(woven[0])
        t.diagnostic(`combing ${whole.toFixed(2)}, without deinterlacing ${combs.toFixed(2)} grey levels`)
        assert.ok(combs > 3, 'the test video has combs')
        assert.ok(whole < combs / 5, `combing of ${whole} against ${combs}`)
      })
    }

    test('crops the middle of the short side’s square', async () => {
      const { frame } = await first('odd', { kind: 'crop', size: 64 })
      assert.deepEqual([frame.width, frame.height, frame.pixels.length], [64, 64, 64 * 64 * 3])
    })

    test('puts pixels where the caller says', async () => {
      const info = await reader.probe(await videos.video('h264'))
      const given: Uint8Array[] = []
      const frames = await decodeAll(reader, {
        video: info,
        indices: [3, 50],
        allocate: (bytes) => {
          const buffer = new Uint8Array(bytes)
          given.push(buffer)
          return buffer
        },
      })
      assert.ok(frames.every(({ pixels }) => given.includes(pixels)))
    })

    test('starts where the first frame is shown, however late', async () => {
      const info = await reader.probe(await videos.video('broadcast'))
      assert.ok((info.timestamps[0] ?? 0) >= 3600 * 90_000, `first at ${info.timestamps[0]}`)
      const [frame] = await decodeAll(reader, { video: info, indices: [25] })
      assert.equal(frame?.time.toFixed(3), '1.000')
    })
  })
}
