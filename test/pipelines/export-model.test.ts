import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { type ExportOptions, exportModel } from '../../pipelines/export-model.js'
import { importWeights } from '../../pipelines/models.js'
import { loadOn } from '../../src/engine/host.js'
import { StanflowError } from '../../src/errors.js'
import { parseClipConfig, toHuggingFace } from '../../src/model/config.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import { openModel } from '../../src/model/load.js'
import { fixture, fixtureJson, maxDifference } from '../support/fixtures.js'
import { tinyModelFolder } from '../support/model-folder.js'

let folder: string
let model: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stanflow-export-'))
  model = await tinyModelFolder()
})
after(() => Promise.all([folder, model].map((path) => rm(path, { recursive: true }))))

const wish = (to: string, more: Partial<ExportOptions> = {}): ExportOptions => ({
  ...{ model, structure: 'auto', format: 'onnx', to: join(folder, to), frames: 8, precision: 'fp32' },
  ...more,
})

describe('one ONNX file', () => {
  test('takes uint8 frames of any number of clips and gives what the engine gives', async () => {
    const { files } = await exportModel(wish('tiny.onnx'))
    assert.deepEqual(
      files.map(({ path }) => path),
      [join(folder, 'tiny.onnx'), join(folder, 'tiny.text.onnx')],
    )
    const pixels = Uint8Array.from({ length: 2 * 8 * 48 * 48 * 3 }, (_, i) => (i * 7919) % 251)
    const session = await InferenceSession.create(join(folder, 'tiny.onnx'))
    const results = await session.run({ pixels: new Tensor('uint8', pixels, [16, 48, 48, 3]) })
    const given = results.embedding as Tensor
    assert.deepEqual(given.dims, [2, 32])

    const engine = await loadOn({
      model,
      structure: 'auto',
      engine: 'onnx',
      device: 'cpu',
      precision: 'fp32',
      frames: 8,
    })
    const size = 48 * 48 * 3
    const clips = [0, 1].map((c) => ({
      frames: Array.from({ length: 8 }, (_, t) => ({
        pixels: pixels.subarray((c * 8 + t) * size, (c * 8 + t + 1) * size),
      })),
    }))
    const expected = await engine.encodeVideo(clips)
    await engine.close()
    assert.ok(
      maxDifference(given.data as Float32Array, Float32Array.from(expected.flatMap((row) => [...row]))) <
        1e-6,
    )
    const notes = await readFile(join(folder, 'tiny.onnx'), 'latin1')
    for (const note of [
      'stanflow.structure',
      'stan-self',
      'stanflow.digest',
      openModel({ model, structure: 'auto' }).digest,
    ])
      assert.ok(notes.includes(note), note)
  })

  test('and one for texts', async () => {
    await exportModel(wish('words.onnx'))
    const session = await InferenceSession.create(join(folder, 'words.text.onnx'))
    const golden = openSafetensors(fixture('tiny/goldens.safetensors'))
    const { shape, data } = golden.read('input_ids')
    const [texts, length] = shape as [number, number]
    const ids = new Int32Array(texts * 32)
    for (let n = 0; n < texts; n++)
      ids.set(data.subarray(n * length, n * length + Math.min(length, 32)), n * 32)
    const { eosToken } = parseClipConfig(fixtureJson('tiny/config.json'), 'tiny').text
    const eos = Int32Array.from({ length: texts }, (_, n) => data.indexOf(eosToken, n * length) - n * length)
    const results = await session.run({
      ids: new Tensor('int32', ids, [texts, 32]),
      eos: new Tensor('int32', eos, [texts]),
    })
    const raw = golden.read('text.text_embeds').data
    const unit = raw.map((x, i) => {
      const row = raw.subarray(Math.floor(i / 32) * 32, Math.floor(i / 32) * 32 + 32)
      return x / Math.hypot(...row)
    })
    assert.ok(maxDifference(results.embedding?.data as Float32Array, unit) < 1e-5)
    golden.close()
  })

  test('in half precision it is about half as large', async () => {
    const [whole] = (await exportModel(wish('a.onnx'))).files
    const [half] = (await exportModel(wish('b.onnx', { precision: 'fp16' }))).files
    assert.ok((half?.bytes ?? 0) < 0.6 * (whole?.bytes ?? 0))
  })

  test('more frames than the structure knows are refused', async () => {
    const refused = (error: unknown) => error instanceof StanflowError && error.code === 'USAGE_INVALID'
    await assert.rejects(exportModel(wish('c.onnx', { frames: 65 })), refused)
    assert.ok(!(await readdir(folder)).includes('c.onnx'))
  })
})

describe('one safetensors file', () => {
  test('imported again it is the same model, with no other file to help', async () => {
    const { files, structure } = await exportModel(wish('tiny.safetensors', { format: 'safetensors' }))
    assert.equal(structure, 'stan-self')
    assert.equal(files.length, 1)
    const to = join(folder, 'again')
    const { provenance } = await importWeights({ source: join(folder, 'tiny.safetensors'), to, force: false })
    assert.deepEqual([provenance.filled, provenance.dropped], [{}, []])
    const [before, again] = [model, to].map((path) => openModel({ model: path, structure: 'auto' }))
    assert.deepEqual(again?.config, before?.config)
    assert.equal(again?.structure.name, before?.structure.name)
    for (const name of before?.weights.names ?? [])
      assert.deepEqual(again?.weights.read(name), before?.weights.read(name), name)
  })

  test('a configuration written is the configuration read', () => {
    const config = parseClipConfig(fixtureJson('tiny/config.json'), 'tiny')
    assert.deepEqual(parseClipConfig(toHuggingFace(config), 'written'), config)
  })

  test('embedded models too, without a temporary file left', async () => {
    await exportModel(wish('default.safetensors', { model: 'random:small', format: 'safetensors' }))
    const file = openSafetensors(join(folder, 'default.safetensors'))
    assert.equal(file.metadata['stanflow.structure'], 'stan-self')
    file.close()
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('.')),
      [],
    )
  })
})
