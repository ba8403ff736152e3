import type { Dirent } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { isTemporary } from './atomic.js'
import { outputError, systemCode } from './fs-errors.js'
import { partOf } from './layout.js'
import { listParts, listRecipes, readManifest } from './manifest.js'

const DATA_FOLDERS = ['embeddings', 'labels', 'npy']

/**
 * Removes what a run that was ended by force left behind, of every recipe: temporary files, and files of parts that
 * no manifest names: they were never committed. Only names that stanflow gives are touched. Needs the lock.
 * @returns how many files were removed
 */
export async function removeLeftovers(dir: string): Promise<number> {
  const committed = await committedFiles(dir)
  let removed = 0
  const clean = async (folder: string, isLeftover: (path: string, name: string) => boolean) => {
    for await (const { path, name } of filesUnder(folder)) {
      if (!isLeftover(path, name)) continue
      await rm(path, { force: true })
      removed += 1
    }
  }
  for (const folder of DATA_FOLDERS) {
    await clean(join(dir, folder), (path, name) => {
      const uncommitted =
        partOf(name) !== undefined && !committed.has(relative(dir, path).replaceAll(sep, '/'))
      return isTemporary(name) || uncommitted
    })
  }
  for (const folder of ['manifest', 'models']) {
    await clean(join(dir, folder), (_, name) => isTemporary(name))
  }
  for (const entry of await entriesOf(dir)) {
    if (!isTemporary(entry.name)) continue
    await rm(join(dir, entry.name), { force: true })
    removed += 1
  }
  return removed
}

async function committedFiles(dir: string): Promise<ReadonlySet<string>> {
  const files = new Set<string>()
  for (const place of await listRecipes(dir)) {
    for (const part of await listParts(dir, place)) {
      const manifest = await readManifest(dir, place, part)
      for (const { path } of manifest.files) files.add(path)
    }
  }
  return files
}

async function* filesUnder(folder: string): AsyncGenerator<{ path: string; name: string }> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesUnder(path)
    else yield { path, name: entry.name }
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw outputError(folder, error)
  }
}
