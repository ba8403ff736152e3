import assert from 'node:assert/strict'
import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { LoadRequest } from '../../src/engine/engine.js'
import { loadOn } from '../../src/engine/host.js'
import { ReferenceAlgebra } from '../../src/engine/reference/algebra.js'
import { clipText, clipVision, PIXEL_MEAN, PIXEL_STD } from '../../src/model/clip.js'
import { openModel } from '../../src/model/load.js'
import { pictures } from '../support/clips.js'
import { maxDifference } from '../support/fixtures.js'
import { tinyModelFolder } from '../support/model-folder.js'

const folders: string[] = []
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

async function folder(options?: { branch?: boolean }): Promise<string> {
  const made = await tinyModelFolder(options)
  folders.push(made)
  return made
}

const request = (model: string, more: Partial<LoadRequest> = {}): LoadRequest => ({
  engine: 'onnx',
  device: 'cpu',
  model,
  structure: 'auto',
  frames: 8,
  precision: 'fp32',
  ...more,
})

describe('a Hugging Face CLIP folder with a STAN branch', () => {
  test('uint8 pictures become the embedding that the model computes in float64', async () => {
    const dir = await folder()
    const model = await loadOn(request(dir))
    try {
      assert.equal(model.info.structure, 'stan-self')
      const frames = pictures(8, 48, 1)
      const [vector] = await model.encodeVideo([{ frames }])
      const { config, weights, structure } = openModel(request(dir))
      const g = new ReferenceAlgebra(weights, 'float64')
      const normalised = frames.flatMap(({ pixels }) =>
        Array.from(
          pixels,
          (value, i) => (value - (PIXEL_MEAN[i % 3] as number)) / (PIXEL_STD[i % 3] as number),
        ),
      )
      const pixels = g.constant({ shape: [8, 48, 48, 3], data: Float32Array.from(normalised) })
      const { video } = structure.forward(g, config, clipVision(g, config.vision, pixels, 'normalised'), 8)
      assert.ok(maxDifference(vector as Float32Array, Float32Array.from(g.l2normalize(video).data)) < 1e-5)
    } finally {
      await model.close()
    }
  })

  test('a clip’s embedding does not depend on the batch it is in', async () => {
    const model = await loadOn(request(await folder()))
    try {
      const clips = [1, 2, 3, 4, 5].map((seed) => ({ frames: pictures(8, 48, seed) }))
      const together = await model.encodeVideo(clips)
      for (const [n, clip] of clips.entries()) {
        const [alone] = await model.encodeVideo([clip])
        assert.ok(maxDifference(alone as Float32Array, together[n] as Float32Array) < 1e-6)
        assert.ok(Math.abs(Math.hypot(...(alone as Float32Array)) - 1) < 1e-6)
      }
    } finally {
      await model.close()
    }
  })

  for (const structure of ['stan-self', 'mean']) {
    test(`overlapping clips that share frames get the same vectors, each frame through CLIP once: ${structure}`, async () => {
      const dir = await folder()
      const video = pictures(30, 48, 5)
      const clips = Array.from({ length: 12 }, (_, n) => ({ frames: video.slice(2 * n, 2 * n + 8) }))
      const alone = await loadOn(request(dir, { structure }))
      const sharing = await loadOn(request(dir, { structure, sharedFrames: 1000 }))
      try {
        const expected = await alone.encodeClips(clips)
        const given = [
          ...(await sharing.encodeClips(clips.slice(0, 5))),
          ...(await sharing.encodeClips(clips.slice(5))),
        ]
        for (const [n, { video: vector, frames }] of expected.entries()) {
          assert.ok(maxDifference(given[n]?.video as Float32Array, vector) < 1e-5)
          assert.ok(maxDifference(given[n]?.frames as Float32Array, frames) < 1e-5)
        }
        assert.deepEqual(alone.work, { asked: 96, computed: 96 })
        assert.deepEqual(sharing.work, { asked: 96, computed: 30 })
      } finally {
        await alone.close()
        await sharing.close()
      }
    })
  }

  test('another branch, structure or weight is another digest; the same files elsewhere are the same', async () => {
    const [a, b, plain] = [await folder(), await folder(), await folder({ branch: false })]
    const digest = (model: string, more?: Partial<LoadRequest>) => openModel(request(model, more)).digest
    assert.equal(digest(a), digest(b))
    assert.equal(digest(plain), digest(a, { structure: 'mean' }))
    assert.notEqual(digest(a), digest(plain))
    const bytes = await readFile(join(b, 'branch.safetensors'))
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
    await writeFile(join(b, 'branch.safetensors'), bytes)
    assert.notEqual(digest(b), digest(a))
  })
})

test('the embedded default embeds text as the model computes it in float64', async () => {
  const model = await loadOn(request('random:small'))
  try {
    const texts = ['a red ball', 'a much longer text about two dogs that run along the beach at sunset']
    const vectors = await model.encodeText(texts)
    const { config, weights, tokenizer } = openModel(request('random:small'))
    const g = new ReferenceAlgebra(weights, 'float64')
    const { ids, eos } = tokenizer.open().batch(texts, 32)
    const { embedding } = clipText(
      g,
      config,
      g.constant({ shape: [2, 32], data: Float32Array.from(ids) }),
      g.constant({ shape: [2], data: Float32Array.from(eos) }),
      32,
    )
    assert.ok(
      maxDifference(
        Float32Array.from(vectors.flatMap((vector) => [...vector])),
        Float32Array.from(g.l2normalize(embedding).data),
      ) < 1e-5,
    )
  } finally {
    await model.close()
  }
})

test('a text has a vector for each of its tokens, the last of which is its embedding', async () => {
  const model = await loadOn(request('random:small'))
  try {
    const texts = ['a red ball', 'two dogs run along the beach at sunset']
    const vectors = await model.encodeText(texts)
    for (const [n, { text, tokens }] of (await model.encodeTokens(texts)).entries()) {
      const { dim } = model.info
      const [length = 0] = openModel(request('random:small'))
        .tokenizer.open()
        .batch([texts[n] as string], 32).eos
      assert.equal(tokens.length, (length + 1) * dim)
      assert.deepEqual(text, vectors[n])
      assert.ok(maxDifference(tokens.subarray(-dim), text) < 1e-6)
    }
  } finally {
    await model.close()
  }
})

describe('a folder that is no model says what is wrong', () => {
  const refuses = async (code: string, matching: RegExp, load: Promise<unknown>): Promise<void> => {
    await assert.rejects(load, (error: { code: string; message: string; hint: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message, matching)
      assert.ok(error.hint.length > 0)
      return true
    })
  }

  test('no such folder', () => refuses('MODEL_NOT_FOUND', /config\.json/, loadOn(request('/nowhere/at/all'))))

  test('no weights', async () => {
    const dir = await folder()
    await rm(join(dir, 'model.safetensors'))
    await refuses('MODEL_NOT_FOUND', /model\.safetensors/, loadOn(request(dir)))
  })

  test('weights cut off', async () => {
    const dir = await folder()
    await truncate(join(dir, 'model.safetensors'), 100_000)
    await refuses('MODEL_WEIGHTS', /beyond its end/, loadOn(request(dir)))
  })

  test('weights of another size than the configuration’s', async () => {
    const dir = await folder()
    const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8'))
    config.vision_config.intermediate_size = 256
    await writeFile(join(dir, 'config.json'), JSON.stringify(config))
    await refuses(
      'MODEL_WEIGHTS',
      /mlp\.fc1\.weight is \[128,64\], the configuration asks for \[256,64\]/,
      loadOn(request(dir)),
    )
  })

  test('a configuration that is no CLIP', async () => {
    const dir = await folder()
    await writeFile(join(dir, 'config.json'), '{"model_type": "bert"}')
    await refuses('MODEL_CONFIG', /not a CLIP configuration/, loadOn(request(dir)))
  })

  test('a STAN branch that is asked for and not there', async () => {
    const dir = await folder({ branch: false })
    await refuses(
      'MODEL_WEIGHTS',
      /no tensors for the structure stan-self/,
      loadOn(request(dir, { structure: 'stan-self' })),
    )
  })

  test('more frames than the branch has time embeddings for', async () => {
    await refuses('USAGE_INVALID', /at most 64 frames/, loadOn(request(await folder(), { frames: 65 })))
  })

  test('no tokenizer, when a text is embedded', async () => {
    const model = await loadOn(request(await folder()))
    await refuses('MODEL_NOT_FOUND', /tokenizer\.json/, model.encodeText(['a cat']))
    await model.close()
  })
})
