import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { drawnClips } from '../../pipelines/drawn-clips.js'
import { type VerifyOptions, verifyModel } from '../../pipelines/verify-model.js'
import { probeEngines } from '../../src/engine/select.js'
import { StanflowError } from '../../src/errors.js'
import { renderVideo } from '../../src/media/encode.js'
import { cli } from '../support/cli.js'
import { tinyModelFolder } from '../support/model-folder.js'

let folder: string
let model: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stanflow-verify-'))
  model = await tinyModelFolder()
  for (const [name, filter] of [
    ['a.mp4', 'testsrc2=size=96x64:rate=10:duration=2'],
    ['b.mp4', 'mandelbrot=size=64x64:rate=10,trim=duration=2'],
  ] as const)
    await renderVideo(join(folder, name), { codec: 'h264', filter })
})
after(() => Promise.all([folder, model].map((path) => rm(path, { recursive: true }))))

const wish = (more: Partial<VerifyOptions> = {}): VerifyOptions => ({
  ...{ model, structure: 'auto', inputs: [], clips: 5, frames: 8 },
  ...more,
})

describe('a model is run every way there is', () => {
  test('each engine, device and precision that works here has its drift from fp32', async (t) => {
    const { ways, clips, structure } = await verifyModel(wish())
    assert.deepEqual([clips, structure], [5, 'stan-self'])
    const expected = (await probeEngines())
      .filter(({ available }) => available)
      .flatMap(({ engine, device, precisions }) =>
        precisions.map((precision) => `${engine} ${device} ${precision}`),
      )
    assert.deepEqual(
      ways.map(({ engine, device, precision }) => `${engine} ${device} ${precision}`),
      expected,
    )
    for (const { engine, precision, drift, outcome, error } of ways) {
      t.diagnostic(`${engine} ${precision}: ${JSON.stringify(drift ?? error)}`)
      assert.notEqual(outcome, 'failed', error?.message)
      if (drift === undefined) continue
      assert.equal(drift.clips, 5)
      assert.ok(drift.min <= drift.median && drift.median <= 1 + 1e-6)
    }
    const exact = ways.find(({ engine, precision }) => engine === 'onnx' && precision === 'fp32')
    assert.ok((exact?.drift?.min ?? 0) > 1 - 1e-6)
    const int8 = ways.find(({ engine, precision }) => engine === 'onnx' && precision === 'int8')
    assert.ok((int8?.drift?.median ?? 1) < 1 - 1e-6, 'int8 is not fp32')
  })

  test('on the user’s own videos, with those passed over that cannot be read', async () => {
    await writeFile(join(folder, 'broken.mp4'), 'no video')
    const steps: string[] = []
    const { clips, on } = await verifyModel(wish({ inputs: [folder] }), {
      onStep: (step) => steps.push(step),
    })
    assert.deepEqual([clips, on], [2, 'clips of your videos'])
    assert.ok(steps.some((step) => /broken\.mp4 is passed over/.test(step)))
    const none = verifyModel(wish({ inputs: [join(folder, 'broken.mp4')] }))
    await assert.rejects(none, (error) => error instanceof StanflowError && error.code === 'INPUT_NONE')
  })

  test('a way that fails is told, and the others are measured all the same', async () => {
    const calibration = join(folder, 'ranges.json')
    await writeFile(calibration, '{}')
    const { ways } = await verifyModel(wish({ calibration, clips: 1 }))
    const calibrated = ways.filter((way) => way.calibrated)
    assert.ok(calibrated.length > 0)
    assert.ok(
      calibrated.every(({ outcome, error }) => outcome === 'failed' && error?.code === 'CALIBRATION_INVALID'),
    )
    assert.ok(ways.some(({ outcome }) => outcome === 'ok'))
    const { code, stdout } = await cli([
      'models',
      'verify',
      model,
      '--calibration',
      calibration,
      '--clips',
      '1',
      '--frames',
      '8',
    ])
    assert.equal(code, 1)
    assert.match(stdout, /int8 calibrated.*failed/)
  })
})

test('drawn clips differ from one another, move, and are the same every time', () => {
  const [first, again] = [0, 1].map(() =>
    [...drawnClips(3, 4, 32)].map(({ frames }) =>
      frames.map(({ pixels }) => Buffer.from(pixels).toString('hex')),
    ),
  )
  assert.deepEqual(first, again)
  assert.equal(new Set(first?.flat()).size, 12)
})
