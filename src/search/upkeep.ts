import type { Table } from '@lancedb/lancedb'
import { lance } from './errors.js'
import type { IndexedModel, MomentIndex } from './moment-index.js'

/** Clips from which comparing with every vector takes long enough to be felt: about a tenth of a second each. */
export const VECTOR_INDEX_FROM = 50_000
/** Clips from which looking one up by its id or source without an index is. */
const SCALAR_INDEX_FROM = 10_000
/** Clips outside of the vectors' index that are worth putting in. */
const UNINDEXED_MOST = 20_000
/** Small files from which they are joined. */
const FRAGMENTS_MOST = 32
/** Times what it was made of, from which the vectors' index is made anew: its partitions have grown too large by then. */
const GROWN = 4
/** Readers that began so long ago may still read an old version's files. */
const KEEP_VERSIONS_MS = 600_000

const SCALARS = ['clip_id', 'source'] as const

/** What `upkeep` did, in words, for whoever watches. */
export type Kept = readonly string[]

/**
 * Keeps a table quick, whatever its size: joins small files, forgets versions that nobody reads, makes indexes once they pay
 * and takes new clips into them. Does nothing where nothing is due.
 */
export async function upkeep(
  index: MomentIndex,
  model: IndexedModel,
  { all = false }: { readonly all?: boolean } = {},
): Promise<Kept> {
  const table = await index.clips(model)
  const done: string[] = []
  const step = async (what: string, call: () => Promise<unknown>): Promise<void> => {
    await lance(`Cannot ${what}`, call)
    done.push(what)
  }
  await lance('Cannot read the index', () => table.checkoutLatest())
  const rows = await table.countRows()
  const frames = await index.frames(model)
  const indices = await indexed(table)
  for (const side of frames === undefined ? [table] : [table, frames]) {
    const known = side === table ? indices : await indexed(side)
    const count = side === table ? rows : await side.countRows()
    for (const column of SCALARS) {
      if (count < SCALAR_INDEX_FROM || known.has(column)) continue
      await step(`index ${column}`, async () => {
        const { Index } = await import('@lancedb/lancedb')
        await side.createIndex(column, { config: Index.btree() })
      })
    }
  }
  const builtOf = Number((await index.marked(builtKey(model))) ?? 0)
  const isDue = rows >= VECTOR_INDEX_FROM && (!indices.has('vector') || rows > builtOf * GROWN)
  if (isDue) {
    await step('index vectors', () => indexVectors(table, model.dim))
    await index.mark([{ key: builtKey(model), value: String(rows) }])
  }
  const { fragments, unindexed } = await factsOf(table, indices.has('vector') || isDue)
  if (all || fragments > FRAGMENTS_MOST || unindexed > UNINDEXED_MOST)
    await step('join files', () => optimize(table))
  for (const side of [
    await index.marks(),
    await index.waiting(),
    ...(frames === undefined ? [] : [frames]),
  ]) {
    const { fragments: pieces } = await factsOf(side, false)
    if (all || pieces > FRAGMENTS_MOST) await lance('Cannot join files', () => optimize(side))
  }
  return done
}

const indexed = async (table: Table): Promise<ReadonlySet<string>> =>
  new Set((await table.listIndices()).flatMap(({ columns }) => columns))

/**
 * Which vectors are near one another, at a byte for eight dimensions; what is found by it is compared exactly. IVF with product
 * quantisation, its codebook learnt in a few rounds from a sample. (RaBitQ is made in a tenth of the time, but in LanceDB 0.30 it
 * loses what is added later.)
 */
async function indexVectors(table: Table, dim: number): Promise<void> {
  const { Index } = await import('@lancedb/lancedb')
  const config = Index.ivfPq({
    ...{ distanceType: 'cosine', maxIterations: 8, sampleRate: 64 },
    ...(dim % 8 === 0 && { numSubVectors: dim / 8 }),
  })
  await table.createIndex('vector', { config, replace: true })
}

const optimize = (table: Table): Promise<unknown> =>
  table.optimize({ cleanupOlderThan: new Date(Date.now() - KEEP_VERSIONS_MS) })

async function factsOf(table: Table, hasVectors: boolean) {
  return lance('Cannot read the index', async () => {
    const stats = await table.stats()
    const vectors = hasVectors ? await table.indexStats('vector_idx') : undefined
    return { fragments: stats.fragmentStats.numSmallFragments, unindexed: vectors?.numUnindexedRows ?? 0 }
  })
}

const builtKey = ({ digest }: IndexedModel): string => `vectors ${digest}`
