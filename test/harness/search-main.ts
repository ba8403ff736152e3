import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareRetrieval } from '../search/retrieval.js'
import { cli } from '../support/cli.js'

/**
 * `npm run harness:search [clips] [queries] [folder]`: held-out motion scenes are rendered, embedded by the default model, indexed
 * and looked for by their captions; the share found is that which `evaluate` reckons from the same vectors. Then again, reranked by `mug`. A folder is kept, and
 * what it has already is not done again.
 */
const [clips = '1000', queries = '50', folder] = process.argv.slice(2)
const dir = folder ?? (await mkdtemp(join(tmpdir(), 'stanflow-search-')))
const run = async (...args: string[]): Promise<void> => {
  const { code, stderr } = await cli(args, { cwd: dir })
  if (code !== 0) throw new Error(stderr)
}
try {
  await run('scenes', '--to', 'motion', '--task', 'motion', '--split', 'test', '--count', clips)
  await run('backfill', 'motion', '--root', '.', '--to', 'out', '--keep-frames')
  await run('index', '--from', 'out', '--to', 'index', '--keep-frames')
  const compared = await compareRetrieval({
    ...{ captions: join(dir, 'motion/captions.jsonl'), results: join(dir, 'out'), index: join(dir, 'index') },
    queries: Number(queries),
    rerank: 'mug',
  })
  console.dir(compared, { depth: 3 })
  const same = JSON.stringify(compared.evaluated) === JSON.stringify(compared.searched)
  console.log(same ? 'nothing is lost on the way into the index' : 'THE INDEX FINDS OTHER THINGS')
  process.exitCode = same ? 0 : 1
} finally {
  if (folder === undefined) await rm(dir, { recursive: true, force: true })
}
