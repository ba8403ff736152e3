import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Evaluation } from '../../pipelines/evaluate.js'
import { type SceneLine, writeScenes } from '../../pipelines/scenes.js'
import { readDataset } from '../../src/evaluate/dataset.js'
import { cli } from '../support/cli.js'

const dir = await mkdtemp(join(tmpdir(), 'stanflow-evaluate-'))
after(() => rm(dir, { recursive: true, force: true }))

const COUNT = 48
const scenes = join(dir, 'scenes')
before(() => writeScenes({ task: 'motion', split: 'test', seed: 5, count: COUNT, side: 120, to: scenes }))

async function evaluation(...args: string[]): Promise<Evaluation> {
  const { code, stdout, stderr } = await cli(['evaluate', ...args, '--engine', 'onnx', '--json'])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Evaluation
}

describe('stanflow evaluate', () => {
  test('the embedded model knows motions on scenes it never saw; a second run computes no video', async (t) => {
    const first = await evaluation(join(scenes, 'captions.jsonl'))
    assert.deepEqual([first.videos, first.cached, first.failed.length], [COUNT, 0, 0])
    assert.ok(first.recognition && first.retrieval && first.order)
    t.diagnostic(
      `top-1 ${first.recognition.top1}, order ${first.order.right}, R@1 ${first.retrieval.textToVideo.r1}`,
    )
    // Chance is a fifteenth, a half and a forty-eighth.
    assert.ok(first.recognition.top1 > 0.5)
    assert.ok(first.order.right > 0.75)
    assert.ok(first.retrieval.textToVideo.r1 > 0.2)
    assert.match(first.notes.join(), /pull a real CLIP/)

    const second = await evaluation(join(scenes, 'captions.jsonl'))
    assert.equal(second.cached, COUNT)
    assert.deepEqual(second.recognition, first.recognition)
  })

  test('a CSV with captions alone; a video that is not there is told and not counted', async () => {
    const lines = (await readFile(join(scenes, 'captions.jsonl'), 'utf8')).trim().split('\n')
    const rows = lines.slice(0, 4).map((line) => {
      const { path, text } = JSON.parse(line) as SceneLine
      return `${path},"${text}, once"\n${path},${text}`
    })
    const csv = join(dir, 'data.csv')
    await writeFile(csv, `\uFEFFvideo,caption\n${rows.join('\n')}\nmissing.mp4,a lost video\n`)
    const { videos, failed, retrieval, recognition } = await evaluation(csv, '--root', scenes)
    assert.deepEqual([videos, failed.length, recognition], [5, 1, undefined])
    assert.deepEqual([retrieval?.textToVideo.queries, retrieval?.textToVideo.candidates], [8, 4])
    assert.deepEqual([retrieval?.videoToText.queries, retrieval?.videoToText.candidates], [4, 8])
  })

  for (const [name, content, message] of [
    ['broken.jsonl', '{"path": "a.mp4"', /line 1 is not JSON/],
    ['nothing.jsonl', '{"path": "a.mp4"}\n', /line 1: there is neither a text nor a label/],
    ['no-path.csv', 'text\nhello\n', /line 2: there is no path/],
    ['empty.jsonl', '\n', /is empty/],
  ] as const) {
    test(`${name}: a sentence and a hint`, async () => {
      await writeFile(join(dir, name), content)
      await assert.rejects(readDataset(join(dir, name)), { code: 'CONFIG_INVALID', message })
    })
  }
})
