import { NEVER, persist } from '../../persist.js'
import type { Batch } from './batch.js'
import { labelRows } from './formats/codec.js'
import { manifestFile } from './layout.js'
import { commitManifest, type Manifest, type PartFile } from './manifest.js'
import { removeFiles } from './part-files.js'
import type { FileStoreParts } from './store-parts.js'
import { removeFromPart } from './supersede.js'

/**
 * Makes a batch durable: its data files, then the manifest that makes them count, then what follows from it: rows of
 * an older version of a video leave their parts, dead letters of finished videos go. Each step is tried as often as the
 * store's `again` says, under the same names. After an error before the manifest no file of the part is left.
 */
export async function commitBatch(store: FileStoreParts, batch: Batch): Promise<void> {
  if (batch.isEmpty && !store.letters.changed) return
  const { again = NEVER } = store
  await persist(() => store.lock.assertHeld(), again)
  if (!batch.isEmpty) await commitPart(store, batch)
  await persist(() => store.letters.save(), again)
}

async function commitPart(store: FileStoreParts, batch: Batch): Promise<void> {
  const { writer, recipe, format, index, letters, lock, again = NEVER } = store
  const { rows, videos } = batch
  const { modelDigest, dim, sampling, labelSetDigest } = recipe
  const part = store.partNames.next()
  const files: PartFile[] = []
  const manifest: Manifest = {
    ...{ part, stanflow: store.version, modelDigest, dim, sampling },
    ...{ rows: rows.length, files, videos: [...videos] },
  }
  const write = async (): Promise<void> => {
    files.length = 0
    await writer.embeddings(part, rows, format, files)
    if (labelSetDigest !== undefined) {
      const labelled = rows.flatMap((row) => labelRows(row, row.labels, labelSetDigest))
      await writer.labels(part, labelled, format, files)
    }
    // Writing took its time: whoever thought this run dead has removed what it wrote.
    await lock.assertHeld()
    await commitManifest(writer.blobs, writer.place, manifest)
  }
  try {
    await persist(write, again)
  } catch (error) {
    await takeBack(store, part, files)
    throw error
  }
  const stale = index.add(manifest)
  if (stale.length > 0)
    await persist(
      () =>
        store.rewrite(async () => {
          for (const one of stale) await removeFromPart(writer, one)
        }),
      again,
    )
  for (const video of videos) {
    if (video.done) letters.settle(video.source)
  }
}

/** Where even the manifest cannot be removed it may be there, and its files must stay: the next run sees to them. */
async function takeBack(
  { writer: { blobs, place } }: FileStoreParts,
  part: string,
  files: readonly PartFile[],
): Promise<void> {
  const isGone = await blobs.remove(manifestFile(place, part)).then(
    () => true,
    () => false,
  )
  if (isGone) await removeFiles(blobs, files)
}
