import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Folder } from '../../src/connect/files/folder-blobs.js'
import { type IndexedModel, MomentIndex } from '../../src/search/moment-index.js'
import { nearest } from '../../src/search/nearest.js'
import { upkeep } from '../../src/search/upkeep.js'
import { IndexWriter } from '../../src/search/writer.js'
import { clustered } from './clustered.js'
import { table } from './table.js'

/**
 * Search latency, recall, build time, size and memory of an index of many clips: `npm run bench:index [clips]`. Vectors are drawn
 * around centres that lie in few dimensions of the many, as embeddings do; queries from the same.
 */
const [clips = 1_000_000, queries = 200] = process.argv.slice(2).map(Number)
const DIM = 512
const TOP = 10
const DIGEST = 'b'.repeat(64)

const dir = process.env.BENCH_DIR ?? (await mkdtemp(join(tmpdir(), 'stanflow-bench-index-')))
let peak = 0
const watching = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 100)
try {
  const index = await MomentIndex.create({ location: dir })
  const lock = await new Folder(dir).lock('.stanflow.index', 'bench')
  const writer = new IndexWriter({ index, lock, beside: false })
  const model = await writer.admit(DIGEST, DIM, { name: 'synthetic' })
  const draw = clustered({ dim: DIM, centres: 4000, seed: 1 })
  const begun = performance.now()
  let kept = 0
  for (let n = 0; n < clips; n++) {
    const camera = n % 50
    const start = 1_800_000_000 + 2 * Math.floor(n / 50)
    await writer.add({
      ...{
        clipId: n.toString(16).padStart(32, '0'),
        source: `camera:${camera}`,
        clipIndex: Math.floor(n / 50),
      },
      ...{ start, end: start + 2, frameTimes: [start, start + 1], sampling: 'window-2-2s-2s', origin: '' },
      ...{ modelDigest: DIGEST, vector: draw(), indexedMs: Date.now() },
    })
    if (n % 65_536 !== 65_535) continue
    const at = performance.now()
    await upkeep(index, model)
    kept += performance.now() - at
    console.error(`${n + 1} clips, ${((performance.now() - begun) / 1000).toFixed(0)} s`)
  }
  await writer.flush()
  const written = performance.now()
  console.error('tables cared for:', await upkeep(index, model, { all: true }))
  const built = performance.now()
  const { totalBytes } = await (await index.clips(model)).stats()
  const writing = peak
  peak = 0
  const found = await measure(index, model)
  await lock.release()
  index.close()
  const seconds = (ms: number): string => (ms / 1000).toFixed(1)
  const rows: readonly (readonly [string, string])[] = [
    ['clips', clips.toLocaleString('en')],
    ['written, s', seconds(written - begun - kept)],
    ['vectors indexed and tables joined, s', seconds(kept + built - written)],
    ['clips, MB', (totalBytes / 1e6).toFixed(0)],
    ['folder with indexes and old versions, MB', ((await sizeOf(dir)) / 1e6).toFixed(0)],
    ['of which vectors, MB', ((clips * DIM * 4) / 1e6).toFixed(0)],
    ['memory while writing, MB', (writing / 1e6).toFixed(0)],
    ['memory while searching, MB', (peak / 1e6).toFixed(0)],
    [`recall@${TOP} against every vector`, found.recall.toFixed(4)],
    ...Object.entries(found.latencies).map(([name, value]): [string, string] => [name, value.toFixed(1)]),
  ]
  console.log(table(rows.map(([what, value]) => ({ what, value }))))
} finally {
  clearInterval(watching)
  if (process.env.BENCH_DIR === undefined) await rm(dir, { recursive: true, force: true })
}

async function measure(index: MomentIndex, model: IndexedModel) {
  const into = await index.clips(model)
  await into.checkoutLatest()
  const draw = clustered({ dim: DIM, centres: 4000, seed: 1, drawSeed: 99 })
  const vectors = Array.from({ length: queries }, draw)
  const timed = async (options: Parameters<typeof nearest>[2]) => {
    const times: number[] = []
    const ids: string[][] = []
    for (const vector of options.exact ? vectors.slice(0, 40) : vectors) {
      const at = performance.now()
      const rows = await nearest(into, vector, options)
      times.push(performance.now() - at)
      ids.push(rows.map(({ clipId }) => clipId))
    }
    return { times: times.sort((a, b) => a - b), ids }
  }
  await timed({ limit: TOP })
  const quick = await timed({ limit: TOP })
  const moments = await timed({ limit: 200 })
  const narrowed = await timed({ limit: TOP, filter: { cameras: ['7'], from: 1_800_000_000 } })
  const exact = await timed({ limit: TOP, exact: true })
  const hits = exact.ids.flatMap((ids, i) => ids.filter((id) => quick.ids[i]?.includes(id)))
  const at = ({ times }: { times: number[] }, share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return {
    recall: hits.length / (exact.ids.length * TOP),
    latencies: {
      'p50 of 10 clips, ms': at(quick, 0.5),
      'p99, ms': at(quick, 0.99),
      'p50 of 200 clips (20 moments), ms': at(moments, 0.5),
      'p99, ms ': at(moments, 0.99),
      'p50 of 10 clips of one camera, ms': at(narrowed, 0.5),
      'p99, ms  ': at(narrowed, 0.99),
      'p50 of every vector compared, ms': at(exact, 0.5),
    },
  }
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(
    entries.map(async (entry) =>
      entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
    ),
  )
  return sizes.reduce((a, b) => a + b, 0)
}
