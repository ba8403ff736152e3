import { createHash } from 'node:crypto'
import type { Blobs } from '../blobs.js'
import type { DecodedClip, DecodeOptions, EncodedFile, LabelRow } from './formats/codec.js'
import { CODECS } from './formats/codecs.js'
import { corrupt } from './fs-errors.js'
import type { Manifest, PartFile } from './manifest.js'

/**
 * Writes data files of a part, in place of older ones of the same name. Each is described in `written` as soon as it
 * is whole, so that after an error the caller knows what is there.
 * @throws StanflowError OUTPUT_*, S3_*
 */
export async function writePartFiles(
  blobs: Blobs,
  files: readonly EncodedFile[],
  about: Pick<PartFile, 'kind' | 'format' | 'labelSet' | 'rows'>,
  written: PartFile[],
): Promise<void> {
  for (const { path, bytes } of files) {
    await blobs.write(path, bytes)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    written.push({ path, ...about, bytes: bytes.byteLength, sha256 })
  }
}

/** Removes files that no manifest names (any more); one that cannot be removed now is removed at the next open. */
export async function removeFiles(blobs: Blobs, files: readonly Pick<PartFile, 'path'>[]): Promise<void> {
  for (const { path } of files) await blobs.remove(path).catch(() => {})
}

/** Files of the manifest of one kind, format and label set: what one call of a codec made. */
export function filesOf(
  manifest: Pick<Manifest, 'files'>,
  wanted: Partial<Pick<PartFile, 'kind' | 'format' | 'labelSet'>>,
): PartFile[] {
  return manifest.files.filter(
    (file) =>
      (wanted.kind === undefined || file.kind === wanted.kind) &&
      (wanted.format === undefined || file.format === wanted.format) &&
      (wanted.labelSet === undefined || file.labelSet === wanted.labelSet),
  )
}

/** The label sets that a part has files of, in the order they were added. */
export function labelSets(manifest: Pick<Manifest, 'files'>): string[] {
  return [...new Set(manifest.files.flatMap((file) => file.labelSet ?? []))]
}

/** The clips of a part, from whichever format it is stored in. */
export async function readClips(
  blobs: Blobs,
  manifest: Manifest,
  options: DecodeOptions,
): Promise<DecodedClip[]> {
  const format = filesOf(manifest, { kind: 'embeddings' })[0]?.format
  if (format === undefined) return []
  const files = filesOf(manifest, { kind: 'embeddings', format })
  return decoded(files, await readAll(blobs, manifest, files), (bytes) =>
    CODECS[format].decodeEmbeddings(bytes, options),
  )
}

/** The label rows of a part for one label set; `undefined` when the part has none of that set. */
export async function readLabels(
  blobs: Blobs,
  manifest: Manifest,
  labelSet: string,
): Promise<LabelRow[] | undefined> {
  const format = filesOf(manifest, { kind: 'labels', labelSet })[0]?.format
  if (format === undefined) return undefined
  const files = filesOf(manifest, { kind: 'labels', labelSet, format })
  return decoded(files, await readAll(blobs, manifest, files), (bytes) => CODECS[format].decodeLabels(bytes))
}

function decoded<T>(
  files: readonly PartFile[],
  bytes: readonly Uint8Array[],
  decode: (bytes: readonly Uint8Array[]) => T,
): T {
  try {
    return decode(bytes)
  } catch (error) {
    throw corrupt(files.map((file) => file.path).join(' or '), 'cannot be read back', undefined, error)
  }
}

async function readAll(blobs: Blobs, manifest: Manifest, files: readonly PartFile[]): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for (const { path } of files) {
    const bytes = await blobs.read(path)
    if (bytes === undefined) {
      const hint = `Put it back, or remove the manifest of part ${manifest.part} and run again: its videos are done anew.`
      throw corrupt(path, 'is missing although a manifest names it', hint)
    }
    all.push(bytes)
  }
  return all
}
