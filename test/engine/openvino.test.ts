import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import type { EngineReport, LoadRequest, Precision } from '../../src/engine/engine.js'
import { loadOn } from '../../src/engine/host.js'
import { compileProperties, openvino } from '../../src/engine/openvino/engine.js'
import { findLibrary } from '../../src/engine/openvino/find.js'
import { precisionsOf } from '../../src/engine/openvino/probe.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import { trunkGraph } from '../../src/model/graphs.js'
import { openModel } from '../../src/model/load.js'
import { clip, using } from '../support/clips.js'
import { maxDifference } from '../support/fixtures.js'
import { tinyModelFolder } from '../support/model-folder.js'

// The library comes with infra/test-setup.sh.

const folder = await tinyModelFolder()
after(() => rm(folder, { recursive: true, force: true }))

const request = (more: Partial<LoadRequest> = {}): LoadRequest => ({
  engine: 'openvino',
  device: 'cpu',
  model: folder,
  structure: 'auto',
  frames: 8,
  precision: 'fp32',
  ...more,
})

const report = async (): Promise<EngineReport> => (await openvino.probe())[0] as EngineReport
const refusal = (code: string, hint: RegExp) => (error: unknown) => {
  const known = asStanflowError(error)
  assert.equal(known.code, code)
  assert.match(known.hint, hint)
  return true
}

describe('OpenVINO', () => {
  test('a probe finds the library and says what the processor computes in', async () => {
    const { available, detail, precisions } = await report()
    assert.ok(available, detail)
    assert.match(detail, /OpenVINO 20\d\d\./)
    assert.ok(precisions.includes('fp32'))
  })

  test('clips and frames have the vectors that onnxruntime gives, alone and in batches', async () => {
    const clips = [1, 2, 3, 4, 5].map((seed) => clip(seed))
    const [expected, given, alone] = await Promise.all([
      using(request({ engine: 'onnx' }), (model) => model.encodeClips(clips)),
      using(request(), (model) => model.encodeClips(clips)),
      using(request(), (model) => model.encodeClips(clips.slice(2, 3))),
    ])
    for (const [n, { video, frames }] of expected.entries()) {
      assert.ok(maxDifference(given[n]?.video as Float32Array, video) < 1e-5)
      assert.ok(maxDifference(given[n]?.frames as Float32Array, frames) < 1e-5)
    }
    assert.ok(maxDifference(alone[0]?.video as Float32Array, expected[2]?.video as Float32Array) < 1e-5)
  })

  test('texts have the vectors that onnxruntime gives', async () => {
    const texts = ['a red ball', 'two dogs that run along the beach at sunset']
    const [expected, given] = await Promise.all(
      (['onnx', 'openvino'] as const).map((engine) =>
        using(request({ engine, model: 'random:small' }), (model) => model.encodeTokens(texts)),
      ),
    )
    for (const [n, { text, tokens }] of (expected ?? []).entries()) {
      assert.ok(maxDifference(given?.[n]?.text as Float32Array, text) < 1e-5)
      assert.ok(maxDifference(given?.[n]?.tokens as Float32Array, tokens) < 1e-5)
    }
  })

  test('the thread that asked goes on while it computes', async () => {
    const engine = await openvino.open(request())
    const model = openModel(request())
    const runner = await engine.compile(trunkGraph(model), model.weights)
    let turns = 0
    const ticking = setInterval(() => turns++, 0)
    try {
      const data = new Uint8Array(256 * 48 * 48 * 3)
      await runner.run({ pixels: { data, shape: [256, 48, 48, 3] } })
      assert.ok(turns > 0)
    } finally {
      clearInterval(ticking)
      await runner.release()
    }
  })

  test('memory stays where it is over many runs of changing size, and over many compilations', async (t) => {
    const engine = await openvino.open(request())
    const model = openModel(request())
    const round = async (): Promise<void> => {
      const runner = await engine.compile(trunkGraph(model), model.weights)
      for (let run = 0; run < 60; run++) {
        const count = 1 + (run % 7)
        const data = new Uint8Array(count * 48 * 48 * 3).fill(run)
        await runner.run({ pixels: { data, shape: [count, 48, 48, 3] } })
      }
      await runner.release()
    }
    const resident = (): number => process.memoryUsage.rss() / 2 ** 20
    for (let n = 0; n < 10; n++) await round()
    // What leaks does so every time; a heap that V8 enlarges just then does it once.
    let grown = Number.POSITIVE_INFINITY
    for (let tries = 0; grown >= 16 && tries < 3; tries++) {
      const before = resident()
      for (let n = 0; n < 30; n++) await round()
      grown = resident() - before
      t.diagnostic(`${grown.toFixed(1)} MiB more after 1,800 runs and 30 compilations`)
    }
    // Its inputs and results alone are 50 MB, its weights, thirty times, 20.
    assert.ok(grown < 16, `${grown} MiB`)
  })

  test('a device or precision it does not have is refused with what would work', async () => {
    await assert.rejects(loadOn(request({ device: 'cuda' })), refusal('ENGINE_UNFIT', /--engine onnx/))
    await assert.rejects(loadOn(request({ precision: 'fp16' })), refusal('ENGINE_UNFIT', /It has .*fp32/))
  })

  test('bf16 is offered by processors that have it only', () => {
    assert.deepEqual(precisionsOf(['FP32', 'INT8', 'BIN']), ['int8', 'fp32'] satisfies Precision[])
    assert.deepEqual(precisionsOf(['BF16', 'FP32', 'INT8']), ['int8', 'bf16', 'fp32'])
    assert.ok(compileProperties({ precision: 'bf16', threads: 3 }, true).join().includes('HINT,bf16,'))
  })

  test('without the library an error says how to get it', () => {
    const load = (path: string): string => {
      throw new Error(`no ${path}`)
    }
    assert.throws(
      () => findLibrary(load, { OPENVINO_LIB: '/nowhere/libopenvino_c.so' }),
      (error: unknown) => {
        assert.ok(error instanceof StanflowError)
        assert.match(error.message, /OPENVINO_LIB=\/nowhere/)
        return refusal('ENGINE_MISSING', /pip install openvino/)(error)
      },
    )
  })
})
