import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EngineReport } from '../../src/engine/engine.js'
import { loadModel, type ModelWish, quickest } from '../../src/engine/select.js'

const wish: ModelWish = {
  model: 'random:small',
  structure: 'auto',
  engine: 'auto',
  device: 'auto',
  frames: 4,
  precision: 'fp32',
}

describe('choosing an engine', () => {
  test('auto takes one that works, and says which', async () => {
    const { model, why } = await loadModel(wish)
    await model.close()
    assert.ok(why.startsWith(model.engine), why)
  })

  test('an engine that is asked for is taken', async () => {
    const { model, why } = await loadModel({ ...wish, engine: 'onnx', device: 'cpu' })
    await model.close()
    assert.match(why, /^onnx.*, as asked$/)
  })

  test('what nothing here computes is refused, with what would work', async () => {
    // There is no TensorRT without a card; with one, there is none for tfjs.
    await assert.rejects(
      loadModel({ ...wish, engine: 'tfjs', device: 'tensorrt' }),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'ENGINE_UNFIT')
        assert.match(error.message, /--engine tfjs --device tensorrt --precision fp32/)
        return true
      },
    )
  })

  test('a model that is wrong is told as such, not as an engine that failed', async () => {
    await assert.rejects(loadModel({ ...wish, model: '/nowhere/at/all' }), { code: 'MODEL_NOT_FOUND' })
  })

  test('the quickest way is one that computes the precision', () => {
    const report = (engine: EngineReport['engine'], precisions: EngineReport['precisions']): EngineReport => {
      return { engine, device: 'cpu', available: true, detail: '', precisions }
    }
    const reports = [report('onnx', ['int8', 'fp32']), report('openvino', ['bf16', 'fp32'])]
    assert.equal(quickest(reports, 'fp32'), 'openvino on cpu')
    assert.equal(quickest(reports, 'int8'), 'onnx on cpu')
    assert.equal(quickest(reports, 'fp16'), undefined)
    const ranged = { ...report('openvino', ['int8']), calibrated: ['int8'] } as const
    assert.equal(quickest([ranged, ...reports], 'int8'), 'onnx on cpu')
  })

  test('int8 goes to an engine that needs no calibration, unless there is one', async () => {
    const { model, why } = await loadModel({ ...wish, precision: 'int8' })
    await model.close()
    assert.match(why, /^onnx/)
    await assert.rejects(
      loadModel({ ...wish, engine: 'openvino', precision: 'int8' }),
      (error: { hint: string }) => {
        assert.match(error.hint, /given a --calibration/)
        return true
      },
    )
  })
})
