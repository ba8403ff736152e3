import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { deleteMoments, indexMoments } from '../../pipelines/index-moments.js'
import { type OpenIndex, openIndex } from '../../pipelines/search.js'
import { inFolder } from '../connect/files/support.js'
import { writeParquetArchive } from '../search/archive.js'
import { clipId, MODEL, unitVector } from '../search/records.js'
import { compareRetrieval } from '../search/retrieval.js'
import { cli } from '../support/cli.js'

const run = promisify(execFile)
const PYTHON = fileURLToPath(new URL('../../../.cache/py/bin/python', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/search_index.py', import.meta.url))
const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-search-test-'))
  const made = [
    ['scenes', '--to', 'motion', '--task', 'motion', '--split', 'test', '--count', '16'],
    [
      'backfill',
      'motion',
      '--root',
      '.',
      '--to',
      'out',
      '--labels',
      'a red ball, a blue square',
      '--keep-frames',
    ],
    ['index', '--from', 'out', '--to', 'index'],
  ]
  for (const args of made) {
    const { code: status, stderr } = await cli(args, { cwd: dir })
    assert.equal(status, 0, stderr)
  }
})
after(() => rm(dir, { recursive: true, force: true }))

async function withIndex<T>(use: (index: OpenIndex) => Promise<T>, index = join(dir, 'index')): Promise<T> {
  const opened = await openIndex({ index })
  try {
    return await use(opened)
  } finally {
    await opened.close()
  }
}

test('captions find their scenes in the index as often as in the vectors themselves', async () => {
  const { evaluated, searched, clips, queries } = await compareRetrieval({
    ...{ captions: join(dir, 'motion/captions.jsonl'), results: join(dir, 'out'), index: join(dir, 'index') },
    queries: 16,
  })
  assert.deepEqual(searched, evaluated)
  assert.equal(clips, 16)
  assert.ok(queries > 10 && searched.r10 > 0.5, `found ${searched.r10} of ${queries} among the first ten`)
})

test('a search by a clip, a video or a picture finds what looks like it; what is not wanted counts against', () =>
  withIndex(async (index) => {
    const name = 'motion/test-1001-000002.mov'
    const [own] = await index.search({ video: join(dir, name) }, { top: 1 })
    assert.equal(own?.source, name)
    assert.ok(own.score > 0.999, `a video is itself: ${own.score}`)
    const like = await index.search({ like: { clipId: own.clipId } })
    assert.equal(like.length, 15)
    assert.ok(like.every(({ source }) => source !== name))
    const same = await index.search({ like: { source: name, time: 1 } })
    assert.deepEqual(
      same.map(({ clipId: id }) => id),
      like.map(({ clipId: id }) => id),
    )
    const scoreOf = async (not: readonly string[]): Promise<number> =>
      (await index.search({ text: 'a red circle', not })).find(({ source }) => source === name)?.score ?? 0
    const [plain, without] = [await scoreOf([]), await scoreOf(['a black cross moving down'])]
    assert.ok(without < plain, `${without} < ${plain}`)
    await assert.rejects(index.search({}), code('USAGE_INVALID'))
    await assert.rejects(index.search({ not: ['a cat'] }), code('USAGE_INVALID'))
    await assert.rejects(index.search({ like: { clipId: "'; --" } }), code('INPUT_NOT_FOUND'))
    await assert.rejects(index.search({ image: EXAMPLE }), code('INPUT_READ'))
  }))

test('the command line: a table, JSON, a page with pictures, a picture to search by', async () => {
  const search = (...args: string[]) => cli(['search', '--index', 'index', ...args], { cwd: dir })
  const shown = await search(
    'a cyan heart vanishing',
    '--top',
    '3',
    '--source',
    'motion/*',
    '--report',
    'found.html',
  )
  assert.equal(shown.code, 0, shown.stderr)
  assert.match(shown.stdout, /score +when +source +label\n1 +0\.\d{3} +0:00–0:02 +motion\/test-/)
  const page = await readFile(join(dir, 'found.html'), 'utf8')
  assert.equal(page.match(/<article class="video">/g)?.length, 3)
  assert.equal(page.match(/<img src="data:image\/jpeg/g)?.length, 18)
  const { moments } = JSON.parse((await search('a heart', '--label', 'a red ball', '--json')).stdout) as {
    moments: readonly { readonly labels: readonly { readonly label: string }[] }[]
  }
  assert.ok(moments.length > 0 && moments.every(({ labels }) => labels[0]?.label === 'a red ball'))
  const late = JSON.parse((await search('a heart', '--from', '1:00', '--json')).stdout) as {
    moments: readonly unknown[]
  }
  assert.deepEqual(late.moments, [])
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><circle cx="40" cy="30" r="20" fill="red"/></svg>'
  await sharp(Buffer.from(svg)).png().toFile(join(dir, 'picture.png'))
  assert.match((await search('--image', 'picture.png', '--top', '1')).stdout, /\n1 /)
  // Formats that can name other files are no pictures, whatever they are called.
  const video = await scene()
  const texts = [
    svg,
    `ffconcat version 1.0\nfile motion/${video}\n`,
    `#EXTM3U\n#EXTINF:2,\nmotion/${video}\n`,
  ]
  for (const text of texts) {
    await writeFile(join(dir, 'script.jpg'), text)
    assert.match((await search('--image', 'script.jpg')).stderr, /INPUT_READ/)
  }
  const other = await search('a heart', '--model', 'random:small')
  assert.match(other.stderr, /INDEX_MODEL/)
  const mixed = await search('a heart', '--from', '2h', '--to', '1:00')
  assert.match(mixed.stderr, /USAGE_INVALID.*time of day/)
})

/** The name of one of the videos. */
async function scene(): Promise<string> {
  const names = await readdir(join(dir, 'motion'))
  return names.find((name) => name.startsWith('test-')) ?? ''
}

test('reranking compares the frames that were kept, as evaluate does; without them it says what is missing', async () => {
  const [from, to] = [join(dir, 'out'), join(dir, 'index')]
  const search = (...args: string[]) => cli(['search', '--index', 'index', ...args], { cwd: dir })
  assert.match((await search('a heart', '--rerank', 'mug')).stderr, /INDEX_FRAMES.*\n.*--keep-frames/)
  const taken = await indexMoments({ from, to, keepFrames: true })
  assert.deepEqual([taken.added, taken.framed, taken.clips], [0, 16, 16])
  assert.equal((await indexMoments({ from, to, keepFrames: true })).read, 0)
  assert.equal((await indexMoments({ from, to })).read, 0, 'they stay when nobody asks for them')
  const { reranked, searched } = await compareRetrieval({
    ...{ captions: join(dir, 'motion/captions.jsonl'), results: from, index: to, queries: 16, rerank: 'mug' },
  })
  assert.ok(reranked)
  assert.deepEqual(reranked.searched, reranked.evaluated)
  assert.ok(reranked.searched.r10 > 0.5 && searched.r10 > 0.5)
  const shown = await search('a cyan heart vanishing', '--rerank', 'mug', '--not', 'a square', '--top', '2')
  assert.match(shown.stdout, /mug +score +when +source +label\n1 +-?0\.\d{3} +-?0\.\d{3} +0:00/)
  assert.match((await search('a heart', '--rerank', 'wti')).stderr, /MODEL_WEIGHTS/)
  assert.match((await search('--image', 'picture.png', '--rerank', 'mug')).stderr, /USAGE_INVALID/)
  const name = await scene()
  const other = join(dir, 'other')
  assert.equal((await indexMoments({ from, to: other, keepFrames: true })).framed, 16)
  await deleteMoments({ to: other }, { sources: [`motion/${name}`] })
  const left = await indexMoments({ from, to: other })
  assert.deepEqual([left.clips, left.framed], [15, 15], 'they go with their clip')
})

test('cameras by name and by time of day; names are taken as they are written', () =>
  inFolder(async (folder) => {
    const [from, to] = [join(folder, 'out'), join(folder, 'index')]
    const at = Date.UTC(2026, 10, 24, 12) / 1000
    await writeParquetArchive(from, [
      { source: 'camera:hall-1', start: at },
      { source: 'camera:hall_2', start: at + 3600 },
      { source: "it's 100%.mp4", start: 0 },
      { source: 'camera:yard', start: at + 7200 },
    ])
    await indexMoments({ from, to })
    await withIndex(async (index) => {
      const found = async (filter: Parameters<OpenIndex['search']>[1]): Promise<string[]> =>
        (await index.search({ vector: unitVector(0) }, filter ?? {})).map(({ source }) => source).sort()
      assert.equal(index.model.digest, MODEL)
      assert.equal((await index.search({ vector: unitVector(0) }))[0]?.clipId, clipId(0))
      assert.deepEqual(await found({ cameras: ['hall*'] }), ['camera:hall-1', 'camera:hall_2'])
      assert.deepEqual(await found({ cameras: ['hall_?'] }), ['camera:hall_2'])
      assert.deepEqual(await found({ sources: ["it's 100%*"] }), ["it's 100%.mp4"])
      assert.deepEqual(await found({ sources: ['%'] }), [])
      assert.deepEqual(await found({ from: at + 1800, of: 'cameras' }), ['camera:hall_2', 'camera:yard'])
      assert.deepEqual(await found({ to: at + 1800, of: 'cameras' }), ['camera:hall-1'])
      assert.deepEqual(await found({ to: 10, of: 'videos' }), ["it's 100%.mp4"])
      assert.deepEqual(await found({ labels: ['a cat'] }), ['camera:hall-1', 'camera:yard'])
      await assert.rejects(
        index.search({ text: 'a cat' }),
        code('INDEX_MODEL'),
        'texts need the model that made the index',
      )
    }, to)
    const { stdout } = await cli(['search', '--like', clipId(1), '--camera', 'yard', '--index', to], {
      env: { TZ: 'UTC' },
    })
    assert.match(stdout, /2026-11-24 14:00:00–14:00:02 +camera:yard/)
  }))

test('Python reads the index with lancedb and pyarrow alone', async () => {
  const { stdout } = await run(PYTHON, [EXAMPLE, join(dir, 'index')])
  assert.match(stdout, /16 clips of default/)
  assert.match(stdout, /most like motion\/test-/)
})
