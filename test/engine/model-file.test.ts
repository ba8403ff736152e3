import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { withModelFile } from '../../src/engine/onnx/model-file.js'
import { emitterFor } from '../../src/engine/onnx/precision.js'
import { findLibrary } from '../../src/engine/openvino/find.js'
import { loadLibrary } from '../../src/engine/openvino/library.js'
import { createRunner } from '../../src/engine/openvino/runner.js'
import { trunkGraph } from '../../src/model/graphs.js'
import { openModel } from '../../src/model/load.js'
import { tinyModelFolder } from '../support/model-folder.js'

// Models beyond 2 GB have their weights in a file of their own. The limit is lowered here, so that a small one has.

const folder = await tinyModelFolder()
after(() => rm(folder, { recursive: true, force: true }))
const model = openModel({ model: folder, structure: 'auto' })
const shape = [2, 48, 48, 3]
const pixels = Uint8Array.from({ length: 2 * 48 * 48 * 3 }, (_, i) => (i * 7) % 256)
const file = <T>(precision: 'fp32' | 'fp16' | 'int8', read: (path: string) => Promise<T>): Promise<T> =>
  withModelFile(
    emitterFor({ precision }),
    trunkGraph(model),
    model.weights,
    (given) => read(given as string),
    0,
  )

async function onnxruntime(source: string | Uint8Array): Promise<Float32Array> {
  const options = { logSeverityLevel: 3 } as const
  const session =
    typeof source === 'string'
      ? await InferenceSession.create(source, options)
      : await InferenceSession.create(source, options)
  const { features } = await session.run({ pixels: new Tensor('uint8', pixels, shape) })
  await session.release()
  return features?.data as Float32Array
}

describe('a model with its weights in a file of their own', () => {
  for (const precision of ['fp32', 'fp16', 'int8'] as const) {
    test(`is the same model to onnxruntime: ${precision}`, async () => {
      const whole = await onnxruntime(emitterFor({ precision })(trunkGraph(model), model.weights))
      let path = ''
      const apart = await file(precision, (given) => {
        path = given
        return onnxruntime(given)
      })
      assert.deepEqual(apart, whole)
      assert.ok(path.endsWith('.onnx') && !existsSync(path))
    })
  }

  test('is the same model to OpenVINO', async () => {
    const lib = findLibrary(loadLibrary)
    const core = lib.take(lib.coreCreate)
    const run = async (source: string | Uint8Array): Promise<Float32Array | undefined> => {
      const read = lib.take((out) =>
        typeof source === 'string'
          ? lib.readModel(core, source, null, out)
          : lib.readModelFromMemory(core, source, source.length, null, out),
      )
      const compiled = lib.take((out) => lib.compile(core, read, 'CPU', [], out))
      lib.modelFree(read)
      const runner = createRunner(lib, compiled, ['features'])
      const { features } = await runner.run({ pixels: { data: pixels, shape } })
      await runner.release()
      return features
    }
    const whole = await run(emitterFor({ precision: 'fp32' })(trunkGraph(model), model.weights))
    assert.deepEqual(await file('fp32', run), whole)
    lib.coreFree(core)
  })
})
