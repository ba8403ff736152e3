import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { byteSize, type StoredTensor } from '../formats/stored.js'
import { hashFile, type Source } from './sources.js'
import { readProvenance } from './staging.js'
import type { FileFacts, ImportHooks, Provenance } from './types.js'

type Tensors = ReadonlyMap<string, StoredTensor>

export interface Counter {
  readonly add: (count: number) => void
  /** From now on, what will be written is known. */
  readonly expect: (tensors: { readonly clip: Tensors; readonly branch: Tensors }) => void
}

/** Progress over bytes hashed and bytes written. */
export function countBytes(files: readonly string[], { onProgress }: ImportHooks): Counter {
  const read = files.reduce((sum, file) => sum + statSync(file).size, 0)
  let total = 2 * read
  let bytes = 0
  return {
    add: (count) => {
      bytes += count
      onProgress?.({ bytes, total: Math.max(bytes, total) })
    },
    expect: ({ clip, branch }) => {
      total =
        bytes + [...clip.values(), ...branch.values()].reduce((sum, tensor) => sum + byteSize(tensor), 0)
    },
  }
}

export async function factsOf(
  source: Source | undefined,
  progress: Counter,
  { signal }: ImportHooks,
): Promise<readonly FileFacts[]> {
  const found: FileFacts[] = []
  for (const file of source?.files ?? []) {
    const sha256 = await hashFile(file, progress.add, signal)
    found.push({ name: basename(file), bytes: statSync(file).size, sha256 })
  }
  return found
}

/** The same import was done before: its provenance, where it is of exactly these files. */
export async function sameImport(
  to: string,
  source: readonly FileFacts[],
  clip: readonly FileFacts[],
): Promise<Provenance | undefined> {
  const before = (await readProvenance(to)) as Partial<Provenance> | undefined
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  return before !== undefined && same(before.source, source) && same(before.clip, clip)
    ? (before as Provenance)
    : undefined
}
