import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { describeModel } from '../../pipelines/model-info.js'
import { cli } from '../support/cli.js'
import { tinyModelFolder } from '../support/model-folder.js'

let model: string
before(async () => {
  model = await tinyModelFolder()
})
after(() => rm(model, { recursive: true }))

describe('stanflow models info', () => {
  test('the parts add up, and stored bytes are what the files hold', () => {
    const { parameters, memory, structure, depth } = describeModel({ model, structure: 'auto', frames: 8 })
    assert.deepEqual([structure, depth], ['stan-self', 2])
    // The one parameter that is in no part is logit_scale.
    assert.equal(parameters.vision + parameters.text + parameters.structure + 1, parameters.total)
    assert.deepEqual(memory.stored, { F32: 4 * parameters.total })
    assert.equal(memory.clip, 8 * 48 * 48 * 3)
  })

  test('ViT-B/16 with STAN-self costs what the paper says, in linear layers', async () => {
    for (const [frames, gflops] of [
      [8, 593],
      [16, 1187],
    ] as const) {
      const { flops, published } = describeModel({ model: 'random:vit-b-16', structure: 'auto', frames })
      assert.equal(published.cost?.gflops, gflops)
      const ours = (3 * flops.clip.linear) / 1e9
      assert.ok(Math.abs(ours / gflops - 1) < 0.01, `${ours}`)
    }
    const { stdout } = await cli(['models', 'info', 'random:vit-b-16', '--frames', '8'])
    assert.match(stdout, /published for three views: 593 \(K400\), of the linear layers; ours is \+0\.\d %/)
    assert.match(stdout, /STAN-self B\/32 +46\.9 \(12\) +46\.2 \(64\) +23\.7 \(12\)/)
    assert.match(stdout, /STAN-self B\/16 .*84\.2 \(8\), 84\.9 \(16\) +67\.6 \(8\), 69\.5 \(16\)/)
  })

  test('a clip of one frame costs CLIP’s own frame where nothing else is added', () => {
    const { flops } = describeModel({ model: 'random:vit-b-32', structure: 'mean', frames: 1 })
    const projection = (768 * 512) / 1e9
    assert.ok(Math.abs((flops.clip.linear - flops.frame.linear) / 1e9 - projection) < 1e-6)
  })

  test('as JSON, and more frames than there can be are refused', async () => {
    const { stdout } = await cli(['models', 'info', model, '--json'])
    assert.equal(JSON.parse(stdout).structure, 'stan-self')
    const { code, stderr } = await cli(['models', 'info', model, '--frames', '65'])
    assert.equal(code, 2)
    assert.match(stderr, /from 1 to 64/)
  })
})
