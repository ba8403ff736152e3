import type { Blobs } from '../blobs.js'
import { partOf, runOf } from './layout.js'
import { listRecipes, readManifests } from './manifest.js'

const DATA_FOLDERS = ['embeddings', 'labels', 'npy']

/**
 * Removes what a run that was ended by force left behind, of every recipe: files of parts that no manifest names: they
 * were never committed. Only names that stanflow gives are touched, and none of a run that lives: `runsAlive` is asked
 * after the files are listed and before the manifests are read, so whatever a run committed meanwhile counts.
 * @returns how many files were removed
 */
export async function removeLeftovers(
  blobs: Blobs,
  runsAlive: () => Promise<ReadonlySet<string>>,
): Promise<number> {
  const files = await partFiles(blobs)
  const alive = await runsAlive()
  const committed = await committedFiles(blobs)
  let removed = 0
  for (const [name, part] of files) {
    if (committed.has(name) || alive.has(runOf(part))) continue
    await blobs.remove(name)
    removed += 1
  }
  return alive.size === 0 ? removed + (await blobs.sweep()) : removed
}

/** Every file that belongs to a part, and the part. */
async function partFiles(blobs: Blobs): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const folder of DATA_FOLDERS) {
    for await (const name of blobs.list(folder)) {
      const part = partOf(name.slice(name.lastIndexOf('/') + 1))
      if (part !== undefined) files.set(name, part)
    }
  }
  return files
}

async function committedFiles(blobs: Blobs): Promise<ReadonlySet<string>> {
  const files = new Set<string>()
  for (const place of await listRecipes(blobs)) {
    for await (const { files: named } of readManifests(blobs, place)) {
      for (const { path } of named) files.add(path)
    }
  }
  return files
}
