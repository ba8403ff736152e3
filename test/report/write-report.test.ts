import assert from 'node:assert/strict'
import { watch } from 'node:fs'
import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import sharp from 'sharp'
import { writeReport } from '../../pipelines/report.js'
import { spread } from '../../pipelines/report-strip.js'
import { openFileStore } from '../../src/connect/files/store.js'
import type { Recipe } from '../../src/connect/store.js'
import type { LabelledEmbedding, Video } from '../../src/domain.js'
import { StanflowError } from '../../src/errors.js'
import { renderVideo } from '../../src/media/encode.js'
import { CHECKED, checkedRows, occurrences, sourcesOf } from './support.js'

const UNIFORM: Recipe = {
  modelDigest: '12'.repeat(32),
  dim: 2,
  sampling: { kind: 'uniform', frames: 4 },
  model: { name: 'tiny', structure: 'mean', precision: 'fp32', random: true },
  labelSetDigest: '34'.repeat(32),
}
const WINDOWS: Recipe = {
  ...UNIFORM,
  model: { ...UNIFORM.model, random: false },
  modelDigest: '56'.repeat(32),
  sampling: { kind: 'window', frames: 2, length: 1, stride: 0.5 },
}

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stanflow-report-'))
  const filter =
    'color=c=red:size=160x90:rate=10:duration=1[a];color=c=blue:size=160x90:rate=10:duration=1[b];[a][b]concat'
  await renderVideo(join(folder, 'red-blue.mp4'), { filter, codec: 'h264' })
})
after(() => rm(folder, { recursive: true, force: true }))

async function videoOf(source: string, path = join(folder, source)): Promise<Video> {
  const facts = await stat(path).catch(() => undefined)
  return { source, path, bytes: facts?.size ?? 1, modifiedMs: 0, fingerprint: 'ab'.repeat(32) }
}

function clip({ source }: Video, index: number, times: readonly number[], recipe: Recipe): LabelledEmbedding {
  return {
    clipId: `${source} ${index}`,
    source,
    clipIndex: index,
    start: index / 2,
    end: index / 2 + (recipe === UNIFORM ? 2 : 1),
    frameTimes: times,
    modelDigest: recipe.modelDigest,
    vector: Float32Array.of(1, 0),
    labels: [
      { label: 'a red wall', score: 0.9, similarity: 0.3 },
      { label: 'a blue wall', score: 0.1, similarity: 0.1 },
    ],
  }
}

/** An output folder with the given clips, each a list of frame times, of every video. */
async function stored(
  name: string,
  videos: readonly Video[],
  clips: readonly (readonly number[])[],
  recipe = UNIFORM,
): Promise<string> {
  const dir = join(folder, name)
  const store = await openFileStore({
    dir,
    recipe,
    format: 'parquet',
    checkpointSeconds: 60,
    version: '0.0.0',
  })
  for (const video of videos) {
    await store.write(
      video,
      clips.map((times, i) => clip(video, i, times, recipe)),
    )
    await store.finish(video, clips.length)
  }
  const error = new StanflowError('MEDIA_DECODE', 'bad.mp4 is damaged.')
  await store.fail({ source: 'bad.mp4', path: '/nowhere/bad.mp4' }, error)
  await store.close()
  return dir
}

async function pictureColours(text: string): Promise<string[]> {
  const jpegs = [...text.matchAll(/base64,([^"]+)"/g)].map(([, base64 = '']) => Buffer.from(base64, 'base64'))
  return Promise.all(
    jpegs.map(async (jpeg) => {
      const [red, , blue] = (await sharp(jpeg).stats()).channels
      return (red?.mean ?? 0) > (blue?.mean ?? 0) ? 'red' : 'blue'
    }),
  )
}

suite('writing a report', () => {
  test('shows pictures of the very frames that were sampled, labels and failures', async () => {
    const video = await videoOf('red-blue.mp4')
    const dir = await stored('uniform', [video], [[0.1, 0.8, 1, 1.9]])
    const out = join(folder, 'pages', 'uniform.html')
    const summary = await writeReport(dir, out)
    const text = await readFile(out, 'utf8')
    assert.deepEqual(summary, { videos: 1, clips: 1, bytes: Buffer.byteLength(text) })
    assert.deepEqual(await pictureColours(text), ['red', 'red', 'blue', 'blue'])
    for (const time of ['0:00.1', '0:00.8', '0:01.0', '0:01.9']) assert.match(text, new RegExp(`>${time}<`))
    assert.match(text, /a red wall.*90\.0\u00a0%/s)
    assert.match(text, /bad\.mp4.*MEDIA_DECODE/s)
    assert.match(text, /role="note"[^>]*><p>[^<]*random weights/)
    assert.deepEqual(await readdir(join(folder, 'pages')), ['uniform.html'])
  })

  test('shows a timeline of windows, and twelve pictures at most', async () => {
    const times = (i: number) => [0, 0.2, 0.4, 0.6, 0.8].map((offset) => i / 2 + offset)
    const dir = await stored('windows', [await videoOf('red-blue.mp4')], [0, 1, 2].map(times), WINDOWS)
    const out = join(folder, 'windows.html')
    await writeReport(dir, out, { notes: ['Take <care>.'] })
    const text = await readFile(out, 'utf8')
    assert.equal(occurrences(text, /<g class="clip /), 3)
    assert.equal(occurrences(text, /<img /), 12)
    assert.match(text, /Take &lt;care&gt;\./)
  })

  test('goes on without pictures where the original is gone, changed or no video', async () => {
    const path = join(folder, 'text.mp4')
    await writeFile(path, 'no video at all')
    const changed = { ...(await videoOf('red-blue.mp4')), source: 'changed.mp4', bytes: 5 }
    const dir = await stored('gone', [await videoOf('gone.mp4'), changed, await videoOf('text.mp4')], [[0]])
    const out = join(folder, 'gone.html')
    assert.equal((await writeReport(dir, out)).videos, 3)
    const text = await readFile(out, 'utf8')
    assert.match(
      text,
      /gone\.mp4.*no longer where it was.*changed\.mp4.*has changed since.*text\.mp4.*No pictures: /s,
    )
  })

  test('shows what was written last, names the rest, and shows another recipe when asked', async () => {
    const video = await videoOf('red-blue.mp4')
    await stored('both', [video], [[0, 1]], UNIFORM)
    const dir = await stored('both', [video], [[0], [1]], WINDOWS)
    const out = join(folder, 'both.html')
    assert.equal((await writeReport(dir, out)).clips, 2)
    assert.match(
      await readFile(out, 'utf8'),
      /Also in this folder.*1212121212.*4 frames over the whole video/s,
    )
    assert.equal((await writeReport(dir, out, { recipe: UNIFORM })).clips, 1)
  })

  test('has a title and an order of its own, and labels of other results of the folder against the truth', async () => {
    const video = await videoOf('red-blue.mp4')
    const named = (...names: string[]) => names.map((source) => ({ ...video, source }))
    await stored('checked', named('10.mp4', '2.mp4', 'one.mp4', 'two.mp4'), [[0, 1]], UNIFORM)
    const dir = await stored('checked', named('10.mp4', '2.mp4', 'one.mp4'), [[0], [1]], WINDOWS)
    const out = join(folder, 'checked.html')
    const checked = { ...CHECKED, recipe: UNIFORM }
    await writeReport(dir, out, { title: 'Two & more', order: 'name', recipe: WINDOWS, checked })
    const text = await readFile(out, 'utf8')
    assert.match(text, /<title>Two &amp; more – stanflow report<.*<h1><bdi>Two &amp; more</s)
    assert.deepEqual(sourcesOf(text), ['2.mp4', '10.mp4', 'one.mp4'])
    assert.deepEqual(
      checkedRows(text).map(({ to }) => to),
      ['video-1', undefined],
    )
    assert.doesNotMatch(text, /Also in this folder/)
    await writeReport(dir, out)
    const plain = await readFile(out, 'utf8')
    assert.match(plain, /<title>checked – stanflow report<.*Also in this folder/s)
    assert.deepEqual(sourcesOf(plain), ['10.mp4', '2.mp4', 'one.mp4'])
  })

  test('gives pictures to the first videos only', async () => {
    const video = await videoOf('red-blue.mp4')
    const videos = Array.from({ length: 30 }, (_, i) => ({ ...video, source: `${i}.mp4` }))
    const out = join(folder, 'many.html')
    await writeReport(await stored('many', videos, [[0, 1]]), out, { maxStrips: 2 })
    const text = await readFile(out, 'utf8')
    assert.deepEqual([occurrences(text, /<img /), occurrences(text, /<li class="video"/)], [4, 28])
  })

  test('says that an empty folder has no results', async () => {
    const dir = join(folder, 'empty')
    await mkdir(dir)
    const out = join(folder, 'empty.html')
    assert.equal((await writeReport(dir, out)).videos, 0)
    assert.match(await readFile(out, 'utf8'), /No results yet/)
  })

  test('leaves no file when it is aborted, and an older report as it was', async () => {
    const video = await videoOf('red-blue.mp4')
    const videos = Array.from({ length: 8 }, (_, i) => ({ ...video, source: `${i}.mp4` }))
    const dir = await stored('aborted', videos, [[0, 1]])
    const pages = join(folder, 'aborted-pages')
    await mkdir(pages)
    const out = join(pages, 'report.html')
    await writeFile(out, 'older')
    const aborting = new AbortController()
    const watcher = watch(pages, () => aborting.abort(new Error('stop')))
    const report = writeReport(dir, out, { signal: aborting.signal }).finally(() => watcher.close())
    await assert.rejects(report, /stop/)
    assert.deepEqual(await readdir(pages), ['report.html'])
    assert.equal(await readFile(out, 'utf8'), 'older')
  })

  test('refuses a folder that is not there and a page that is a folder', async () => {
    const missing = writeReport(join(folder, 'nowhere'), join(folder, 'x.html'))
    await assert.rejects(missing, { code: 'INPUT_NOT_FOUND' })
    await assert.rejects(writeReport(folder, folder), { code: 'OUTPUT_WRITE' })
    await assert.rejects(access(join(folder, 'x.html')))
  })
})

suite('the pictures of a long video', () => {
  test('are spread evenly over its time, however unevenly frames were sampled', () => {
    const dense = Array.from({ length: 500 }, (_, i) => i / 100)
    assert.deepEqual(spread([...dense, 8, 12, 18, 20], 5), [2, 4.99, 8, 12, 18])
    assert.deepEqual(spread([0, 1, 1.1], 5), [0, 1, 1.1])
  })
})
