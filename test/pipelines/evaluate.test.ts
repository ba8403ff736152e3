import assert from 'node:assert/strict'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Evaluation } from '../../pipelines/evaluate.js'
import { type SceneLine, writeScenes } from '../../pipelines/scenes.js'
import { DEFAULT_MODEL_FOLDER } from '../../src/model/embedded.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import { writeSafetensors } from '../../src/model/formats/write-safetensors.js'
import { WTI_LAYERS } from '../../src/model/similarity/wti.js'
import { cli, start } from '../support/cli.js'
import { writeDidemo, writeKinetics, writeMsrvtt } from '../support/data-sets.js'

const dir = await mkdtemp(join(tmpdir(), 'stanflow-evaluate-'))
after(() => rm(dir, { recursive: true, force: true }))

const COUNT = 48
const scenes = join(dir, 'scenes')
const captions = join(scenes, 'captions.jsonl')
/** The first of them: enough where only what is computed counts. */
const FEW = 10
const few = join(scenes, 'few.jsonl')
let videos: string[] = []
before(async () => {
  await writeScenes({ task: 'motion', split: 'test', seed: 5, count: COUNT, side: 120, to: scenes })
  const files = (await readdir(scenes)).filter((name) => name.endsWith('.mp4'))
  const lines = (await readFile(captions, 'utf8')).split('\n')
  await writeFile(few, lines.slice(0, FEW).join('\n'))
  videos = files.sort().map((name) => join(scenes, name))
})

async function evaluation(...args: string[]): Promise<Evaluation> {
  const { code, stdout, stderr } = await cli(['evaluate', ...args, '--engine', 'onnx', '--json'])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Evaluation
}

/** A data set in a folder of its own, made of the scenes' videos. */
async function made(name: string, write: (dir: string, videos: string[]) => Promise<void>): Promise<string> {
  const at = join(dir, name)
  await mkdir(at)
  await write(at, videos)
  return at
}

describe('stanflow evaluate', () => {
  test('the embedded model knows motions on scenes it never saw', async (t) => {
    const { recognition, retrieval, order, notes, work, missing, failed } = await evaluation(captions)
    assert.ok(recognition && retrieval?.cosine && order)
    const { r1, queries } = retrieval.cosine.textToVideo
    // A label is one text, whatever its prompts.
    assert.deepEqual(work, { cached: 0, videos: COUNT, texts: queries + recognition.classes.length })
    assert.deepEqual([missing.length, failed.length], [0, 0])
    t.diagnostic(`top-1 ${recognition.top1}, order ${order.right}, R@1 ${r1}`)
    // Far from chance, a fifteenth, a half and a forty-eighth; how good it is, default-model.test.ts says.
    assert.ok(recognition.top1 > 0.5)
    assert.ok(order.right > 0.75)
    assert.ok(r1 > 0.2)
    assert.match(notes.join(), /pull a real CLIP/)
  })

  test('another metric computes nothing: neither a video nor a text; its page is named after the file', async () => {
    const page = join(dir, 'scenes.html')
    const args = ['--similarity', 'mug,cosine', '--report', page]
    const { work, retrieval, report } = await evaluation(captions, ...args)
    assert.equal(report, page)
    const html = await readFile(page, 'utf8')
    assert.match(html, /<h1><bdi>captions\.jsonl<\/bdi><\/h1>/)
    // They are no top-1, and stand in a table of their own.
    assert.doesNotMatch(html, /as published|Published/)
    assert.match(html, /<h2>Order pairs<\/h2>.*<th scope="col" class="num">right<\/th>/s)
    assert.deepEqual(work, { cached: COUNT, videos: 0, texts: 0 })
    assert.deepEqual(Object.keys(retrieval ?? {}), ['mug', 'cosine'])
    assert.notDeepEqual(retrieval?.mug, retrieval?.cosine)
    // No paper knows these videos: to people one line says where its figures are.
    const { code, stdout, stderr } = await cli(['evaluate', captions, '--engine', 'onnx'])
    assert.equal(code, 0, stderr)
    assert.deepEqual(
      stdout.split('\n').filter((line) => /published|MSR-VTT|K400/.test(line)),
      ['figures of published data sets: docs/evaluation.md'],
    )
  })

  test('three crops of a square are thrice the same, and are found in the cache by who wants one', async () => {
    const cache = ['--cache', join(dir, 'views')]
    const three = await evaluation(few, '--views', '3', ...cache)
    assert.deepEqual(three.work, { cached: 0, videos: FEW, texts: three.work.texts })
    const one = await evaluation(few, ...cache)
    assert.deepEqual(one.work, { cached: FEW, videos: 0, texts: 0 })
    assert.deepEqual(one.recognition, three.recognition)
  })

  test('a damaged vector in the cache is computed again', async () => {
    const cache = join(dir, 'damaged')
    const first = await evaluation(few, '--cache', cache)
    const files = await readdir(cache, { recursive: true })
    const [one] = files.filter((name) => name.includes('videos') && name.endsWith('.safetensors'))
    await writeFile(join(cache, one as string), 'half a file')
    const again = await evaluation(few, '--cache', cache)
    assert.deepEqual(again.work, { cached: FEW - 1, videos: 1, texts: 0 })
    assert.deepEqual(again.retrieval, first.retrieval)
  })

  test('a CSV with captions alone; what is missing or no video is told and not counted', async () => {
    const lines = (await readFile(captions, 'utf8')).trim().split('\n')
    const rows = lines.slice(0, 4).map((line) => {
      const { path, text } = JSON.parse(line) as SceneLine
      return `${path},"${text}, once"\n${path},${text}`
    })
    const csv = join(dir, 'data.csv')
    const more = 'missing.mp4,a lost video\nbroken.mp4,no video at all\nhalf a line\n'
    await writeFile(csv, `\uFEFFvideo,caption\n${rows.join('\n')}\n${more}`)
    await writeFile(join(scenes, 'broken.mp4'), 'no video')
    const args = ['evaluate', csv, '--root', scenes, '--engine', 'onnx', '--json']
    const { code, stdout, stderr } = await cli([...args, '--strict'])
    assert.equal(code, 1, stderr)
    const { videos, missing, failed, broken, retrieval, recognition } = JSON.parse(stdout) as Evaluation
    assert.deepEqual([videos, recognition], [5, undefined])
    assert.deepEqual(broken, [{ file: csv, at: 'line 12', why: "its fields are 1, the header's are 2" }])
    assert.deepEqual(missing, [{ id: 'missing.mp4', wanted: join(scenes, 'missing.mp4') }])
    assert.deepEqual(
      failed.map(({ path, code }) => [path, code]),
      [[join(scenes, 'broken.mp4'), 'MEDIA_NOT_VIDEO']],
    )
    assert.deepEqual(
      [retrieval?.cosine?.textToVideo.queries, retrieval?.cosine?.textToVideo.candidates],
      [8, 4],
    )
    assert.deepEqual(
      [retrieval?.cosine?.videoToText.queries, retrieval?.cosine?.videoToText.candidates],
      [4, 8],
    )
    // Without --strict the same is a success.
    assert.equal((await cli(args)).code, 0)
  })

  test('MSR-VTT 1k-A, as people read it: missing videos, figures beside, and a page with the mistakes', async () => {
    const at = await made('msrvtt', writeMsrvtt)
    const page = join(dir, 'page.html')
    const { code, stdout, stderr } = await cli([
      ...['evaluate', `msrvtt:${at}`, '--similarity', 'cosine,mug', '--engine', 'onnx', '--report', page],
    ])
    assert.equal(code, 0, stderr)
    assert.match(
      stdout,
      /MSR-VTT 1k-A, split test: 2 videos; 2 videos and 2 texts computed, 0 from the cache/,
    )
    assert.match(stdout, /1 video missing, not scored:\n {2}video9999/)
    assert.match(stdout, /text to video, mug, dual softmax +2 among 2/)
    assert.match(stdout, /published: STAN-self B\/32, 12 frames, text to video +46\.9/)
    const html = await readFile(page, 'utf8')
    assert.match(html, /Dual softmax knows all queries/)
    assert.match(html, /STAN-self B\/32, as published \(12 frames\)<\/td><td class="num">46\.9/)
    assert.match(html, /video9999<\/bdi>|>video9999: /)
    assert.ok(stdout.endsWith(`\nreport ${page}\n`), stdout)
    // Of one text one is said, and nothing of the videos' progress after the next step.
    assert.match(stderr, /embedding 2 texts/)
    assert.doesNotMatch(stderr.slice(stderr.indexOf('embedding')), /ETA|2\/2/)
  })

  test('every caption of the full test is a query; a paragraph of DiDeMo is one, and longer', async () => {
    const at = join(dir, 'msrvtt')
    const full = await evaluation(`msrvtt:${at}`, '--split', 'full-test')
    const { textToVideo, videoToText } = full.retrieval?.cosine ?? {}
    assert.deepEqual([textToVideo?.queries, textToVideo?.candidates], [4, 2])
    assert.deepEqual([videoToText?.queries, videoToText?.candidates], [2, 4])
    // The very same videos have been seen in the other split.
    assert.deepEqual([full.work.videos, full.work.cached], [0, 2])
    // No paper's figures are of this split: those of its own test stand apart.
    const page = join(dir, 'full.html')
    const args = ['--split', 'full-test', '--engine', 'onnx', '--report', page]
    const { code, stdout, stderr } = await cli(['evaluate', `msrvtt:${at}`, ...args])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /\n\npublished, on split test +R@1\n/)
    assert.match(stdout, /^STAN-self B\/32, 12 frames +46\.9$/m)
    assert.doesNotMatch(stdout, /K400|text to video +46\.9/)
    const html = await readFile(page, 'utf8')
    assert.match(html, /<h2>Published, on split test<\/h2>.*STAN-self B\/32, as published \(12 frames\)/s)
    const didemo = await evaluation(`didemo:${await made('didemo', writeDidemo)}`)
    assert.deepEqual([didemo.retrieval?.cosine?.textToVideo.queries, didemo.missing.length], [2, 1])
    assert.equal(didemo.recognition, undefined)
  })

  test('Kinetics: parts of whole videos, three crops, classes that no video has; the confusion as a picture', async () => {
    const at = await made('kinetics', writeKinetics)
    const svg = join(dir, 'confusion.svg')
    const { recognition, retrieval, views, mistakes, missing } = await evaluation(
      ...[`kinetics:${at}`, '--views', '3', '--confusion-svg', svg],
    )
    assert.deepEqual([recognition?.videos, recognition?.classes.length, views], [2, 3, 3])
    assert.deepEqual([retrieval, missing.length], [undefined, 1])
    const wrong = recognition?.confusion.flatMap((row, truth) =>
      row.filter((n, answer) => n > 0 && answer !== truth),
    )
    assert.equal(
      mistakes?.answers.length,
      wrong?.reduce((sum, n) => sum + n, 0),
    )
    const picture = await readFile(svg, 'utf8')
    assert.match(picture, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/)
    assert.equal(picture.match(/<title>/g)?.length, 2)
  })

  test('wti takes a model with weights; without them it is refused before any video is read', async () => {
    const refused = await cli(['evaluate', few, '--similarity', 'wti', '--engine', 'onnx', '--json'])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /MODEL_WEIGHTS.*text_weight_fc/)
    assert.doesNotMatch(refused.stderr, /"done":[1-9]/)
    const model = join(dir, 'with-wti')
    await cp(DEFAULT_MODEL_FOLDER, model, { recursive: true })
    const layer = (seed: number) => Float32Array.from({ length: 128 }, (_, i) => Math.sin(i * seed))
    const tensors = Object.values(WTI_LAYERS).flatMap((name, n) => [
      [`${name}.weight`, stored([1, 128], layer(n + 2))] as const,
      [`${name}.bias`, stored([1], Float32Array.of(0))] as const,
    ])
    await writeSafetensors(join(model, 'branch.safetensors'), new Map(tensors))
    const { retrieval } = await evaluation(few, '--similarity', 'wti,cosine', '--model', model)
    assert.ok(retrieval?.wti && retrieval.cosine)
    // Its weights are made up, yet parts are far from chance.
    assert.ok(retrieval.wti.textToVideo.meanRank < FEW / 3, `${retrieval.wti.textToVideo.meanRank}`)
  })

  test('an output that cannot be written is told before any video is read', async () => {
    for (const output of ['--report', '--confusion-svg']) {
      const args = ['evaluate', few, '--engine', 'onnx', '--json', '--cache', join(dir, 'unwritten')]
      const { code, stdout, stderr } = await cli([...args, output, '/proc/x/page.html'])
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, /OUTPUT_\w+.*\/proc\/x\/page\.html/)
      assert.doesNotMatch(stderr, /"done"/)
    }
    assert.ok(!(await readdir(dir)).includes('unwritten'))
  })

  test('scores are told even where their report cannot be written after all', async () => {
    const at = join(dir, 'taken')
    const args = ['evaluate', few, '--engine', 'onnx', '--cache', join(dir, 'taken-cache')]
    const { child, finished } = start([...args, '--report', join(at, 'page.html')])
    // The place is good when it is tried, and taken away while videos are read.
    child.stderr?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('reader')) {
        rmSync(at, { recursive: true })
        writeFileSync(at, 'no folder')
      }
    })
    const { code, stdout, stderr } = await finished
    assert.equal(code, 1)
    assert.match(stdout, /text to video, cosine +\d+ among 10/)
    assert.match(stderr, /OUTPUT_WRITE.*page\.html/)
    assert.doesNotMatch(stdout, /^report/m)
  })

  test('a model of NaN gets no score, whichever tower is broken', async () => {
    for (const tower of ['text', 'visual']) {
      const model = join(dir, `nan-${tower}`)
      await cp(DEFAULT_MODEL_FOLDER, model, { recursive: true })
      const file = openSafetensors(join(DEFAULT_MODEL_FOLDER, 'model.safetensors'))
      const tensors = [...file.tensors].map(([name, tensor]) => {
        if (name !== `${tower}_projection.weight`) return [name, tensor] as const
        // All bits set are NaN in every width.
        return [name, { ...tensor, bytes: () => Buffer.alloc(tensor.bytes().length, 0xff) }] as const
      })
      await writeSafetensors(join(model, 'model.safetensors'), new Map(tensors))
      file.close()
      const cache = join(dir, `cache-${tower}`)
      const args = ['evaluate', few, '--model', model, '--cache', cache]
      const { code, stdout, stderr } = await cli([...args, '--engine', 'onnx', '--json'])
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, /MODEL_WEIGHTS.*weights are not finite/)
      // Texts tell before any video is read.
      const kept = existsSync(cache) ? await readdir(cache, { recursive: true }) : []
      assert.equal(
        kept.some((name) => name.includes('videos')),
        tower === 'visual',
      )
    }
  })

  test('a folder without any of the videos is an error, not a score', async () => {
    const empty = join(dir, 'empty')
    await mkdir(empty)
    const { code, stderr } = await cli(['evaluate', `msrvtt:${join(dir, 'msrvtt')}`, '--root', empty])
    assert.equal(code, 1)
    assert.match(stderr, /INPUT_NOT_FOUND: None of the 3 videos of MSR-VTT 1k-A.*video9770/)
    assert.match(stderr, /--root/)
  })
})

const stored = (shape: readonly number[], values: Float32Array) => ({
  dtype: 'F32' as const,
  shape,
  bytes: () => Buffer.from(values.buffer),
})
