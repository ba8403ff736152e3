import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { StanflowError } from '../../src/errors.js'
import { parseClipConfig } from '../../src/model/config.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import type { StoredTensor } from '../../src/model/formats/stored.js'
import { writeSafetensors } from '../../src/model/formats/write-safetensors.js'
import { deriveConfig } from '../../src/model/import/derive-config.js'
import { importModel } from '../../src/model/import/import.js'
import type { ImportRequest } from '../../src/model/import/types.js'
import { openModel } from '../../src/model/load.js'
import { clipShapes } from '../../src/model/shapes.js'
import { type Skeleton, writeCheckpoint } from '../support/checkpoints.js'
import { fixture } from '../support/fixtures.js'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stanflow-import-'))
})
after(() => rm(folder, { recursive: true }))

let runs = 0
const request = (source: string, more: Partial<ImportRequest> = {}): ImportRequest => ({
  source,
  clip: fixture('tiny'),
  to: join(folder, `model-${runs++}`),
  force: false,
  version: '1.2.3',
  ...more,
})

function checkpoint(skeleton: Skeleton, name: string): string {
  const path = join(folder, name)
  writeCheckpoint(skeleton, path)
  return path
}

const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof StanflowError, String(error))
  assert.equal(error.code, expected, error.message)
  return true
}

/** Every tensor of the expected file is in the other, bit for bit. */
function assertSameTensors(actual: string, expected: string, except: readonly string[] = []): void {
  const [a, b] = [openSafetensors(actual), openSafetensors(expected)]
  assert.ok(b.names.size > 3)
  for (const [name, tensor] of b.tensors) {
    if (except.includes(name)) continue
    const found = a.tensors.get(name)
    assert.deepEqual(
      [found?.dtype, found?.shape, found?.bytes()],
      [tensor.dtype, tensor.shape, tensor.bytes()],
      name,
    )
  }
  a.close()
  b.close()
}

describe('a checkpoint of another project becomes a model folder with the very same numbers', () => {
  for (const [skeleton, branch, structure, filled] of [
    ['stan-pth', 'stan-self', 'stan-self', ['logit_scale']],
    ['mug-stan-pth', 'stan-self-wproj', 'stan-self', []],
    ['openai-clip', undefined, 'mean', []],
    ['clip4clip-bin', 'posterior', 'posterior', []],
  ] as const) {
    test(skeleton, async () => {
      const to = request(checkpoint(skeleton, `${skeleton}.pth`))
      const { provenance, structure: found } = await importModel(to)
      // Nothing but what the project does not store was taken from the CLIP folder.
      assert.deepEqual(Object.values(provenance.filled).flat(), filled)
      assertSameTensors(join(to.to, 'model.safetensors'), fixture('tiny/model.safetensors'))
      if (branch !== undefined)
        assertSameTensors(join(to.to, 'branch.safetensors'), fixture(`tiny/${branch}.safetensors`))
      assert.deepEqual(
        await readFile(join(to.to, 'config.json')),
        await readFile(fixture('tiny/config.json')),
      )
      assert.equal(found, structure)
      const model = openModel({ model: to.to, structure: 'auto' })
      assert.equal(model.structure.name, found)
    })
  }

  test('what an import says of itself: the source by its sha256, and all that was left out', async () => {
    const source = checkpoint('stan-pth', 'epoch.pth')
    const to = request(source)
    await importModel(to)
    const provenance = JSON.parse(await readFile(join(to.to, 'provenance.json'), 'utf8'))
    const bytes = await readFile(source)
    assert.deepEqual(provenance.source, [
      { name: 'epoch.pth', bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
    ])
    assert.equal(provenance.stanflow, '1.2.3')
    assert.deepEqual(provenance.dropped, [
      'data_preprocessor.imgs.mean',
      'message_hub',
      'meta',
      'optimizer',
      'param_schedulers',
      'text_backbone.text_model.embeddings.position_ids',
    ])
    const written = await readFile(join(to.to, 'branch.safetensors'))
    assert.equal(
      provenance.files['branch.safetensors'].sha256,
      createHash('sha256').update(written).digest('hex'),
    )
  })

  test('token weights of a Mug-STAN adapter go into the branch', async () => {
    const to = request(checkpoint('mug-stan-pth', 'mug.pth'))
    await importModel(to)
    assertSameTensors(join(to.to, 'branch.safetensors'), fixture('tiny/wti.safetensors'))
  })
})

describe('Hugging Face folders', () => {
  test('one file, or shards with an index, give the same model', async () => {
    const tiny = openSafetensors(fixture('tiny/model.safetensors'))
    const sharded = join(folder, 'sharded')
    await mkdir(sharded)
    await copyFile(fixture('tiny/config.json'), join(sharded, 'config.json'))
    const map: Record<string, string> = {}
    for (const half of [0, 1]) {
      const name = `model-0000${half + 1}-of-00002.safetensors`
      const part = new Map([...tiny.tensors].filter((_, n) => n % 2 === half))
      await writeSafetensors(join(sharded, name), part)
      for (const tensor of part.keys()) map[tensor] = name
    }
    await writeFile(join(sharded, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))

    const to = request(sharded, { clip: undefined })
    await importModel(to)
    assertSameTensors(join(to.to, 'model.safetensors'), fixture('tiny/model.safetensors'))
    const single = request(fixture('tiny'), { clip: undefined })
    await importModel(single)
    assert.deepEqual(
      await readFile(join(single.to, 'model.safetensors')),
      await readFile(join(to.to, 'model.safetensors')),
    )
    tiny.close()
  })

  test('an index that names files elsewhere is refused', async () => {
    const evil = join(folder, 'evil')
    await mkdir(evil)
    await writeFile(
      join(evil, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { a: '../tiny/model.safetensors' } }),
    )
    await assert.rejects(importModel(request(evil)), code('MODEL_WEIGHTS'))
  })
})

describe('what is missing or in the way is said, and nothing is left behind', () => {
  const leftovers = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith('.'))

  test('a branch alone, without a CLIP', async () => {
    const to = request(fixture('tiny/stan-self.safetensors'), { clip: undefined })
    await assert.rejects(importModel(to), (error: unknown) => {
      code('MODEL_WEIGHTS')(error)
      assert.match((error as StanflowError).hint, /--clip/)
      return true
    })
    assert.deepEqual(await leftovers(), [])
  })

  test('a branch alone, with a CLIP', async () => {
    const to = request(fixture('tiny/stan-self.safetensors'))
    const { structure } = await importModel(to)
    assert.equal(structure, 'stan-self')
  })

  test('a CLIP whose shapes are not those of its configuration', async () => {
    const tiny = openSafetensors(fixture('tiny/model.safetensors'))
    const tensors = new Map(tiny.tensors)
    tensors.set('logit_scale', tiny.tensors.get('visual_projection.weight') as StoredTensor)
    await writeSafetensors(join(folder, 'misfit.safetensors'), tensors)
    const to = request(join(folder, 'misfit.safetensors'))
    await assert.rejects(importModel(to), code('MODEL_WEIGHTS'))
    assert.deepEqual(await leftovers(), [])
    assert.ok(!existsSync(to.to))
    tiny.close()
  })

  test('a file that is no checkpoint', async () => {
    await writeFile(join(folder, 'page.bin'), '<html>Sign in</html>')
    await assert.rejects(importModel(request(join(folder, 'page.bin'))), code('MODEL_WEIGHTS'))
    await assert.rejects(importModel(request(join(folder, 'absent.bin'))), code('MODEL_NOT_FOUND'))
    await assert.rejects(importModel(request(fixture('formats/types-protocol2.pt'))), code('MODEL_WEIGHTS'))
  })

  test('the same import again does nothing; another one into the same folder needs --force; other files are never touched', async () => {
    const to = request(fixture('tiny'), { clip: undefined })
    assert.equal((await importModel(to)).unchanged, false)
    assert.equal((await importModel(to)).unchanged, true)
    const other = { ...to, source: checkpoint('stan-pth', 'other.pth'), clip: fixture('tiny') }
    await assert.rejects(importModel(other), code('OUTPUT_EXISTS'))
    assert.equal((await importModel({ ...other, force: true })).structure, 'stan-self')

    const precious = join(folder, 'precious')
    await mkdir(precious)
    await writeFile(join(precious, 'thesis.txt'), 'words')
    await assert.rejects(importModel({ ...other, to: precious, force: true }), code('OUTPUT_EXISTS'))
    assert.deepEqual(await readdir(precious), ['thesis.txt'])
    assert.deepEqual(await leftovers(), [])
  })

  test('aborted half-way: no folder, no hidden one', async () => {
    const controller = new AbortController()
    const to = request(fixture('tiny'), { clip: undefined })
    const running = importModel(to, {
      signal: controller.signal,
      onProgress: ({ bytes, total }) => {
        if (bytes > total * 0.7) controller.abort()
      },
    })
    await assert.rejects(running, (error: Error) => error.name === 'AbortError')
    assert.deepEqual(await leftovers(), [])
    assert.ok(!existsSync(to.to))
  })

  test('killed between the two renames of --force: the old model is back before anything else happens', async () => {
    const to = request(fixture('tiny'), { clip: undefined })
    await importModel(to)
    const other = { ...to, source: checkpoint('stan-pth', 'third.pth'), clip: fixture('tiny') }
    const dead = join(folder, `.${basename(to.to)}.making-999999999`)
    const crash = async (): Promise<void> => {
      // What kill -9 leaves there: the new one made, the old one aside, none in place.
      await rename(to.to, `${dead}-old`)
      await mkdir(dead, { recursive: true })
      await writeFile(join(dead, 'config.json'), '{}')
    }
    await crash()
    assert.equal((await importModel(to)).unchanged, true)
    await crash()
    await assert.rejects(importModel(other), code('OUTPUT_EXISTS'))
    assert.equal(openModel({ model: to.to, structure: 'auto' }).structure.name, 'mean')
    await crash()
    const replaced = await importModel({ ...other, force: true })
    assert.equal(replaced.structure, 'stan-self')
    assert.deepEqual(await leftovers(), [])
  })

  test('what a crashed import left hidden is cleared away; a link in its place is not followed', async () => {
    const to = request(fixture('tiny'), { clip: undefined })
    const dead = `.${to.to.split('/').at(-1)}.making-999999999`
    await mkdir(join(folder, 'kept'))
    await writeFile(join(folder, 'kept', 'file'), '')
    await symlink(join(folder, 'kept'), join(folder, dead))
    await importModel(to)
    assert.deepEqual(await leftovers(), [])
    assert.deepEqual(await readdir(join(folder, 'kept')), ['file'])
  })
})

describe('a configuration is read off the shapes', () => {
  const derived = (config: object) => {
    const parsed = parseClipConfig(config, 'test')
    const shapes = new Map([...clipShapes(parsed)].map(([name, shape]) => [name, { shape }]))
    return [parseClipConfig(deriveConfig(shapes, 'test'), 'derived'), parsed]
  }
  test('ViT-B/32, B/16 and L/14 at 336, as OpenAI has them', () => {
    for (const config of [
      {},
      { vision_config: { patch_size: 16 } },
      {
        projection_dim: 768,
        vision_config: {
          hidden_size: 1024,
          intermediate_size: 4096,
          num_hidden_layers: 24,
          num_attention_heads: 16,
          patch_size: 14,
          image_size: 336,
        },
        text_config: { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 },
      },
    ]) {
      const [actual, expected] = derived(config)
      assert.deepEqual(actual, expected)
    }
  })

  test('a width that is no multiple of 64 needs a config.json', () => {
    const odd = { text_config: { hidden_size: 96, num_attention_heads: 4 } }
    assert.throws(() => derived(odd), code('MODEL_CONFIG'))
  })
})
