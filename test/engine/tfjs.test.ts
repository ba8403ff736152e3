import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import type { EngineReport, LoadedModel, LoadRequest } from '../../src/engine/engine.js'
import { loadOn } from '../../src/engine/host.js'
import { tfjs } from '../../src/engine/tfjs/engine.js'
import { environment, loadLibrary } from '../../src/engine/tfjs/library.js'
import { textGraph, videoGraph } from '../../src/model/graphs.js'
import { openModel } from '../../src/model/load.js'
import { clip, using } from '../support/clips.js'
import { maxDifference } from '../support/fixtures.js'
import { tinyModelFolder } from '../support/model-folder.js'

// Its native part comes with infra/test-setup.sh.

const folder = await tinyModelFolder()
after(() => rm(folder, { recursive: true, force: true }))

const request = (more: Partial<LoadRequest> = {}): LoadRequest => ({
  engine: 'tfjs',
  device: 'cpu',
  model: folder,
  structure: 'auto',
  frames: 8,
  precision: 'fp32',
  ...more,
})

/** Both engines on the same clips and texts: the largest difference between their vectors. */
async function differenceToOnnx(
  more: Partial<LoadRequest>,
  clips: Parameters<LoadedModel['encodeClips']>[0],
) {
  const vectors = (engine: 'onnx' | 'tfjs') =>
    using(request({ ...more, engine }), async (model) => {
      const videos = await model.encodeClips(clips)
      return Float32Array.from(videos.flatMap(({ video, frames }) => [...video, ...frames]))
    })
  return maxDifference(await vectors('tfjs'), await vectors('onnx'))
}

describe('TensorFlow.js', () => {
  for (const structure of ['stan-self', 'mean']) {
    test(`clips and frames have the vectors that onnxruntime gives: ${structure}`, async () => {
      const clips = [1, 2, 3, 4, 5, 6, 7].map((seed) => clip(seed))
      assert.ok((await differenceToOnnx({ structure }, clips)) < 1e-5)
    })
  }

  test('texts have the vectors that onnxruntime gives', async () => {
    const texts = ['a red ball', 'two dogs that run along the beach at sunset']
    const encode = (engine: 'onnx' | 'tfjs') =>
      using(request({ engine, model: 'random:small' }), (model) => model.encodeTokens(texts))
    const [expected, given] = [await encode('onnx'), await encode('tfjs')]
    for (const [n, { text, tokens }] of expected.entries()) {
      assert.ok(maxDifference(given[n]?.text as Float32Array, text) < 1e-5)
      assert.ok(maxDifference(given[n]?.tokens as Float32Array, tokens) < 1e-5)
    }
  })

  test('overlapping clips that share frames get the same vectors, each frame through CLIP once', async () => {
    const { frames: video } = clip(5, { frames: 30 })
    const clips = Array.from({ length: 12 }, (_, n) => ({ frames: video.slice(2 * n, 2 * n + 8) }))
    const expected = await using(request(), (model) => model.encodeClips(clips))
    await using(request({ sharedFrames: 1000 }), async (model) => {
      const given = await model.encodeClips(clips)
      for (const [n, { video: vector }] of expected.entries())
        assert.ok(maxDifference(given[n]?.video as Float32Array, vector) < 1e-5)
      assert.deepEqual(model.work, { asked: 96, computed: 30 })
    })
  })

  test('two models compute side by side, and one ends while the other goes on', async () => {
    const clips = [1, 2, 3].map((seed) => clip(seed))
    const [a, b] = await Promise.all([loadOn(request()), loadOn(request({ structure: 'mean' }))])
    const [first] = await Promise.all([a.encodeVideo(clips), b.encodeVideo(clips)])
    const [, again] = await Promise.all([b.close(), a.encodeVideo(clips)])
    await a.close()
    for (const [n, vector] of first.entries()) assert.deepEqual(again[n], vector)
  })

  test('no tensor stays behind a run, and none behind a release', async () => {
    const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu' })
    const engine = await tfjs.open(request())
    const model = openModel(request())
    const tensors = (): number => tf.memory().numTensors
    const before = tensors()
    const video = await engine.compile(videoGraph(model, 8), model.weights)
    const text = await engine.compile(textGraph(model, 12), model.weights)
    const loaded = tensors()
    for (let run = 1; run < 20; run++) {
      const count = 8 * (1 + (run % 3))
      await video.run({ pixels: { data: new Uint8Array(count * 48 * 48 * 3), shape: [count, 48, 48, 3] } })
      await text.run({
        ids: { data: new Int32Array(run * 12), shape: [run, 12] },
        eos: { data: new Int32Array(run), shape: [run] },
      })
      assert.equal(tensors(), loaded)
    }
    await video.release()
    await text.release()
    assert.equal(tensors(), before)
  })

  test('memory stays where it is over many runs of changing size, and over many compilations', async (t) => {
    const engine = await tfjs.open(request())
    const model = openModel(request())
    const round = async (): Promise<void> => {
      const runner = await engine.compile(videoGraph(model, 8), model.weights)
      for (let run = 0; run < 20; run++) {
        const count = 8 * (1 + (run % 5))
        await runner.run({ pixels: { data: new Uint8Array(count * 48 * 48 * 3), shape: [count, 48, 48, 3] } })
      }
      await runner.release()
    }
    const resident = (): number => process.memoryUsage.rss() / 2 ** 20
    for (let n = 0; n < 4; n++) await round()
    const before = resident()
    for (let n = 0; n < 10; n++) await round()
    const grown = resident() - before
    t.diagnostic(`${grown.toFixed(1)} MiB more after 200 runs and 10 compilations`)
    // Its pictures alone, as it takes them, are 130 MB.
    assert.ok(grown < 32, `${grown} MiB`)
  })
})

describe('what TensorFlow.js needs of the machine', () => {
  test('a probe says what is there, and what to do where nothing is', async () => {
    const rows = (await tfjs.probe()) as [EngineReport, EngineReport]
    assert.deepEqual(
      rows.map(({ device }) => device),
      ['cpu', 'cuda'],
    )
    assert.ok(rows[0].available)
    assert.match(rows[0].detail, /tfjs-node 4\.\d+\.\d+, TensorFlow 2\.\d+/)
    assert.deepEqual(rows[0].precisions, ['fp32'])
    assert.ok(rows[1].available || (rows[1].hint as string).length > 0)
  })

  test('what it does not do is refused', async () => {
    await assert.rejects(loadOn(request({ precision: 'bf16' })), { code: 'ENGINE_UNFIT' })
    await assert.rejects(loadOn(request({ device: 'tensorrt' })), { code: 'ENGINE_UNFIT' })
  })

  test('a card is one of those the user lets it see, in exact fp32, and leaves room for others', () => {
    const settings = environment({ device: 'cuda', deviceId: 1, threads: 3 }, '4,6')
    assert.equal(settings.CUDA_VISIBLE_DEVICES, '6')
    assert.equal(environment({ device: 'cuda', deviceId: 1 }).CUDA_VISIBLE_DEVICES, '1')
    assert.equal(environment({ device: 'cuda' }).CUDA_VISIBLE_DEVICES, '0')
    assert.equal(settings.NVIDIA_TF32_OVERRIDE, '0')
    assert.equal(settings.TF_FORCE_GPU_ALLOW_GROWTH, 'true')
    assert.equal(settings.TF_NUM_INTRAOP_THREADS, '3')
    assert.equal(environment({ device: 'cpu' }).CUDA_VISIBLE_DEVICES, undefined)
  })

  test('it loads quietly, in as many threads as asked, on a Node without the functions that it misses', () => {
    const library = new URL('../../src/engine/tfjs/library.js', import.meta.url).href
    const program = `
      import util from 'node:util'
      import { readdirSync } from 'node:fs'
      delete util.isNullOrUndefined
      delete util.isArray
      const { loadLibrary } = await import('${library}')
      const before = readdirSync('/proc/self/task').length
      const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu', threads: 7 })
      const top = tf.topk(tf.tensor1d([1, 3, 2]), 1).values.dataSync()[0]
      tf.matMul(tf.ones([512, 512]), tf.ones([512, 512])).dataSync()
      console.log(top, readdirSync('/proc/self/task').length - before >= 7)`
    const env = { ...process.env, TF_NUM_INTRAOP_THREADS: undefined, TF_CPP_MIN_LOG_LEVEL: undefined }
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      env,
    })
    assert.equal(child.stdout, '3 true\n', child.stderr)
    assert.equal(child.stderr, '')
  })
})
