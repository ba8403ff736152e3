import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type Calibrated, calibrate } from '../../src/engine/calibration/calibrate.js'
import { solveRange } from '../../src/engine/calibration/ranges.js'
import { ActivationStats } from '../../src/engine/calibration/stats.js'
import { cosine, type Drift, measureDrift } from '../../src/engine/drift.js'
import type { LoadedModel, LoadRequest } from '../../src/engine/engine.js'
import { loadOn } from '../../src/engine/host.js'
import { toHalf } from '../../src/engine/onnx/half.js'
import { quantiseWeight } from '../../src/engine/onnx/int8.js'
import { emitterFor } from '../../src/engine/onnx/precision.js'
import { asStanflowError } from '../../src/errors.js'
import { videoGraph } from '../../src/model/graphs.js'
import { openModel } from '../../src/model/load.js'
import { tinyModelFolder } from '../support/model-folder.js'

const T = 8
const model = await tinyModelFolder()
const dir = await mkdtemp(join(tmpdir(), 'stanflow-precision-'))
after(() => Promise.all([model, dir].map((path) => rm(path, { recursive: true, force: true }))))

const request = (more: Partial<LoadRequest> = {}): LoadRequest => ({
  ...{ engine: 'onnx', device: 'cpu', model, structure: 'auto', frames: T, precision: 'fp32' },
  ...more,
})

/** Pictures with edges, slopes and noise, all different. */
const clips = Array.from({ length: 6 }, (_, seed) => ({
  frames: Array.from({ length: T }, (_, t) => ({
    pixels: Uint8Array.from({ length: 48 * 48 * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % 48, Math.floor(i / 144)]
      const wave = Math.sin((x * (seed + 1) + t * 3) / 9) + Math.cos((y * (seed + 2)) / 11)
      return 128 + 45 * wave + ((i * i * 31 + seed * 17) % 40)
    }),
  })),
}))

async function using<R>(wanted: LoadRequest, work: (model: LoadedModel) => Promise<R>): Promise<R> {
  const loaded = await loadOn(wanted)
  try {
    return await work(loaded)
  } finally {
    await loaded.close()
  }
}

const drift = (more: Partial<LoadRequest>): Promise<Drift> =>
  using(request(), (reference) => using(request(more), (other) => measureDrift(reference, other, clips)))

const refused = (code: string, hint: RegExp) => (error: unknown) => {
  const known = asStanflowError(error)
  assert.equal(known.code, code, known.message)
  assert.match(known.hint, hint)
  return true
}

describe('int8', () => {
  test('with ranges as they come stays near fp32, and is another model', async (t) => {
    const { min, median, clips: measured } = await drift({ precision: 'int8' })
    t.diagnostic(`cosine to fp32: least ${min}, median ${median}`)
    assert.equal(measured, clips.length)
    assert.ok(min > 0.995 && min < 1, `${min}`)
    const digests = await Promise.all(
      (['fp32', 'int8'] as const).map((precision) =>
        using(request({ precision }), async ({ info }) => info.digest),
      ),
    )
    assert.notEqual(digests[0], digests[1])
  })

  test('a weight is its integers times its output’s scale, to half a step', () => {
    const value = fc.integer({ min: -8000, max: 8000 }).map((thousandths) => thousandths / 1000)
    const matrix = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 7 })).chain(([o, i]) =>
      fc.array(value, { minLength: o * i, maxLength: o * i }).map((data) => ({
        shape: [o, i],
        data: Float32Array.from(data),
      })),
    )
    fc.assert(
      fc.property(matrix, (weight) => {
        const [outputs, inputs] = weight.shape as [number, number]
        const { values, scales } = quantiseWeight(weight)
        for (let o = 0; o < outputs; o++) {
          for (let i = 0; i < inputs; i++) {
            const back = (values[i * outputs + o] as number) * (scales[o] as number)
            const off = Math.abs(back - (weight.data[o * inputs + i] as number))
            assert.ok(off <= (scales[o] as number) * 0.5001, `${off} of ${scales[o]}`)
          }
        }
      }),
    )
  })
})

describe('a calibration', () => {
  let made: Promise<Calibrated> | undefined
  const calibrated = async (): Promise<Calibrated & { path: string }> => {
    made ??= calibrate(clips, { ...request(), engine: 'openvino', minCosine: 0.995 })
    const path = join(dir, 'ranges.json')
    await writeFile(path, JSON.stringify((await made).calibration))
    return { ...(await made), path }
  }

  test('measured on clips keeps their embeddings, in OpenVINO and in onnxruntime', async (t) => {
    const { path, layers, drift: told } = await calibrated()
    assert.ok(layers.int8 > 0)
    for (const engine of ['openvino', 'onnx'] as const) {
      const { min, median } = await drift({ engine, precision: 'int8', calibration: path })
      t.diagnostic(`${engine}, ${layers.int8} layers in int8: least ${min}, median ${median}`)
      assert.ok(median > 0.995 && median < 1, `${engine}: ${median}`)
      if (engine === 'openvino') assert.ok(Math.abs(median - told.median) < 1e-6)
    }
  })

  test('keeps the noisiest layers in floating point until the cosine is reached', async () => {
    const all = await calibrated()
    const minCosine = all.drift.median + (1 - all.drift.median) / 10
    const { layers, drift: better } = await calibrate(clips, { ...request(), engine: 'openvino', minCosine })
    assert.ok(layers.float > all.layers.float && better.median >= minCosine)
  })

  test('is part of the model’s digest', async () => {
    const { path, calibration } = await calibrated()
    const other = join(dir, 'other.json')
    await writeFile(other, JSON.stringify({ ...calibration, clips: 99 }))
    const digest = (more: Partial<LoadRequest>) =>
      using(request({ precision: 'int8', ...more }), async ({ info }) => info.digest)
    const digests = await Promise.all([
      digest({}),
      digest({ calibration: path }),
      digest({ calibration: other }),
    ])
    assert.equal(new Set(digests).size, 3)
    assert.equal(await digest({ calibration: path, engine: 'openvino' }), digests[1])
  })

  test('of another model, or that is no calibration, is refused, and so is one without int8', async () => {
    const { path, calibration } = await calibrated()
    const wrong = join(dir, 'wrong.json')
    const load = (more: Partial<LoadRequest>): Promise<unknown> =>
      loadOn(request({ precision: 'int8', ...more }))
    await writeFile(wrong, JSON.stringify({ ...calibration, model: 'another' }))
    await assert.rejects(load({ calibration: wrong }), refused('CALIBRATION_INVALID', /models calibrate/))
    await writeFile(wrong, '{"format": "stanflow-calibration"}')
    await assert.rejects(load({ calibration: wrong }), refused('CALIBRATION_INVALID', /models calibrate/))
    await assert.rejects(
      load({ calibration: join(dir, 'none.json') }),
      refused('CALIBRATION_INVALID', /models calibrate/),
    )
    await assert.rejects(
      load({ precision: 'fp32', calibration: path }),
      refused('USAGE_INVALID', /--precision int8/),
    )
    await assert.rejects(load({ engine: 'openvino' }), refused('ENGINE_UNFIT', /--calibration/))
  })

  test('evens out a channel that stands out, which a norm’s scale can take up', () => {
    const width = 16
    const stats = new ActivationStats(width)
    const row = (n: number): Float32Array =>
      Float32Array.from({ length: width }, (_, i) => Math.sin(n * 7 + i * 3) * (i === 5 ? 60 : 1))
    for (let n = 0; n < 100; n++) stats.add(row(n))
    const data = Float32Array.from(
      { length: 8 * width },
      (_, i) => Math.cos(i * 5) / (i % width === 5 ? 60 : 1),
    )
    const weight = { shape: [8, width], data }
    const plain = solveRange(stats, [weight], false)
    const smooth = solveRange(stats, [weight], true)
    assert.equal(plain.range.gain, undefined)
    assert.ok(smooth.noise < plain.noise / 10, `${smooth.noise} against ${plain.noise}`)
  })
})

describe('fp16', () => {
  test('computes near fp32, its weights stored as halves', async () => {
    const opened = openModel(request())
    const graph = videoGraph(opened, T)
    const pixels = Uint8Array.from(clips.flatMap(({ frames }) => frames.flatMap((f) => [...f.pixels])))
    const feed = { pixels: new Tensor('uint8', pixels, [clips.length * T, 48, 48, 3]) }
    const [float, half] = (['fp32', 'fp16'] as const).map((precision) =>
      emitterFor({ precision })(graph, opened.weights),
    ) as [Uint8Array, Uint8Array]
    assert.ok(half.length < float.length * 0.6, `${half.length} bytes against ${float.length}`)
    const [expected, given] = await Promise.all(
      [float, half].map(async (bytes) => {
        const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 })
        const { embedding } = await session.run(feed)
        await session.release()
        return embedding?.data as Float32Array
      }),
    )
    const { dim } = opened.config
    for (let n = 0; n < clips.length; n++) {
      const [a, b] = [expected, given].map((rows) => rows?.subarray(n * dim, (n + 1) * dim)) as Float32Array[]
      const near = cosine(a as Float32Array, b as Float32Array)
      assert.ok(near > 0.9999 && near < 1, `${near}`)
    }
  })

  test('every half is written as it is, and what lies between goes to the nearer, ties to even', () => {
    const value = (half: number): number => {
      const [sign, exponent, mantissa] = [half & 0x8000 ? -1 : 1, (half >> 10) & 31, half & 1023]
      if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
      return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15))
    }
    const one = (x: number): number => toHalf(Float32Array.of(x))[0] as number
    for (let half = 0; half < 0x7c00; half++) {
      assert.equal(one(value(half)), half)
      assert.equal(one(-value(half)), half | 0x8000)
      if (half === 0x7bff) continue
      const middle = (value(half) + value(half + 1)) / 2
      assert.equal(one(middle), half % 2 === 0 ? half : half + 1)
      assert.equal(one(middle * (1 + 2 ** -20)), half + 1)
      assert.equal(one(middle * (1 - 2 ** -20)), half)
    }
    assert.equal(one(65520), 0x7c00)
    assert.equal(one(65519), 0x7bff)
    assert.equal(one(Number.NEGATIVE_INFINITY), 0xfc00)
    assert.ok(Number.isNaN(value(one(Number.NaN))))
  })

  test('needs a graphics card', async () => {
    await assert.rejects(loadOn(request({ precision: 'fp16' })), refused('ENGINE_UNFIT', /--device cuda/))
  })
})
