import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import { sharingEncoder, wholeEncoder } from '../../src/engine/clip-encoder.js'
import type { LoadRequest } from '../../src/engine/engine.js'
import { FrameSlots } from '../../src/engine/frame-slots.js'
import { engineModule } from '../../src/engine/open.js'
import { openModel } from '../../src/model/load.js'
import { maxDifference } from '../support/fixtures.js'
import { tinyModelFolder } from '../support/model-folder.js'

const T = 12
const STRIDE = 2
const CLIPS = 60
const SLOTS = 3 * T
const SIDE = 48

const folder = await tinyModelFolder()
after(() => rm(folder, { recursive: true, force: true }))

const video = Array.from({ length: T + STRIDE * (CLIPS - 1) }, (_, t) => ({
  pixels: Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * (t + 3) + ((i * i) >> 6)) % 256),
}))
const windows = Array.from({ length: CLIPS }, (_, n) => video.slice(n * STRIDE, n * STRIDE + T))

function together(frames: readonly { pixels: Uint8Array }[]): Uint8Array<ArrayBuffer> {
  const pixels = new Uint8Array(frames.length * SIDE * SIDE * 3)
  for (const [n, frame] of frames.entries()) pixels.set(frame.pixels, n * SIDE * SIDE * 3)
  return pixels
}

describe('a window of 12 frames that moves by 2', () => {
  for (const engine of ['onnx', 'openvino'] as const) {
    test(`has the same vectors where a few places hold its frames’ features: ${engine}`, async () => {
      const request: LoadRequest = {
        ...{ engine, device: 'cpu', model: folder, structure: 'auto', frames: T, precision: 'fp32' },
      }
      const model = openModel(request)
      const opened = await (await engineModule(engine)).open(request)
      const whole = await wholeEncoder(opened, model, T)
      const sharing = await sharingEncoder(opened, model, T, SLOTS)
      // What it keeps does not depend on how long the video is.
      assert.equal(sharing.slots, SLOTS)
      const book = new FrameSlots<(typeof video)[number]>(SLOTS)
      let computed = 0
      for (const window of windows) {
        const { missing, fill, use } = book.plan(window)
        computed += missing.length
        assert.ok(use.every((slot) => slot < SLOTS))
        const slots = { fill, use }
        const expected = await whole.encode({ pixels: together(window), clips: 1 })
        const given = await sharing.encode({ pixels: together(missing), clips: 1, slots })
        assert.ok(maxDifference(given.vectors, expected.vectors) < 1e-5)
      }
      assert.equal(computed, video.length)
      await whole.release()
      await sharing.release()
    })
  }
})

test('clips that count on frames of a batch that failed fail with its error, not with one of our own', async () => {
  const request: LoadRequest = {
    ...{ engine: 'onnx', device: 'cpu', model: folder, structure: 'auto', frames: T, precision: 'fp32' },
  }
  const opened = await (await engineModule('onnx')).open(request)
  const sharing = await sharingEncoder(opened, openModel(request), T, SLOTS)
  const book = new FrameSlots<(typeof video)[number]>(SLOTS)
  const [first, second] = [windows[0] ?? [], windows[1] ?? []].map((window) => book.plan(window))
  assert.ok(first && second)
  const ask = (plan: typeof first, pixels: Uint8Array<ArrayBuffer>): Promise<unknown> =>
    sharing.encode({ pixels, clips: 1, slots: { fill: plan.fill, use: plan.use } })
  const errorOf = (asked: Promise<unknown>): Promise<unknown> =>
    asked.then(
      () => undefined,
      (error) => error,
    )
  // Fewer bytes than frames: the engine refuses them.
  const error = await errorOf(ask(first, together(first.missing).slice(0, 100)))
  assert.ok(error instanceof Error)
  assert.equal(await errorOf(ask(second, together(second.missing))), error)
  await sharing.release()
})
