import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Installed,
  reports,
  sessionOptions,
  tensorrtEnvironment,
} from '../../src/engine/onnx/providers.js'

// What onnxruntime is asked for on machines with a graphics card; the cards themselves are not here.

const machine = (files: readonly string[], driver: boolean): Installed => ({
  version: '1.30.0',
  has: (file) => files.includes(file),
  driver,
})
const CUDA = 'libonnxruntime_providers_cuda.so'
const TENSORRT = 'libonnxruntime_providers_tensorrt.so'
const available = (files: readonly string[], driver: boolean): string[] =>
  reports(machine(files, driver)).flatMap((report) => (report.available ? [report.device] : []))

describe('onnxruntime’s devices', () => {
  test('the card asked for comes first, and the processor takes what it leaves', () => {
    assert.deepEqual(sessionOptions({ device: 'cpu' }).executionProviders, ['cpu'])
    assert.deepEqual(sessionOptions({ device: 'cuda', deviceId: 2 }).executionProviders, [
      { name: 'cuda', deviceId: 2 },
      'cpu',
    ])
    assert.deepEqual(sessionOptions({ device: 'tensorrt' }).executionProviders, [
      { name: 'tensorrt', deviceId: 0 },
      { name: 'cuda', deviceId: 0 },
      'cpu',
    ])
  })

  test('a card counts where its library and the driver are there', () => {
    assert.deepEqual(available([], true), ['cpu'])
    assert.deepEqual(available([CUDA], true), ['cpu', 'cuda'])
    assert.deepEqual(available([CUDA, TENSORRT], true), ['cpu', 'cuda', 'tensorrt'])
    assert.deepEqual(available([CUDA, TENSORRT], false), ['cpu'])
  })

  test('what is missing comes with a way to get it', () => {
    const hint = (files: readonly string[], driver: boolean) => reports(machine(files, driver))[1]?.hint ?? ''
    assert.match(hint([], true), /ONNXRUNTIME_NODE_INSTALL=cuda12/)
    assert.match(hint([CUDA], false), /nvidia-smi/)
  })

  test('TensorRT keeps its engines, unless the environment says otherwise', () => {
    const { ORT_TENSORRT_CACHE_PATH, ...rest } = tensorrtEnvironment({ XDG_CACHE_HOME: '/var/cache' })
    assert.equal(ORT_TENSORRT_CACHE_PATH, '/var/cache/stanflow/tensorrt')
    assert.equal(rest.ORT_TENSORRT_ENGINE_CACHE_ENABLE, '1')
    assert.equal(tensorrtEnvironment({ ORT_TENSORRT_CACHE_PATH: '/mine' }).ORT_TENSORRT_CACHE_PATH, undefined)
  })
})
