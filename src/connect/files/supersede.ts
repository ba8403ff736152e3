import type { Embedding } from '../../domain.js'
import type { DecodedClip, LabelRow } from './formats/codec.js'
import { corrupt } from './fs-errors.js'
import { manifestFile } from './layout.js'
import { type Manifest, type PartFile, readManifest, rewriteManifest } from './manifest.js'
import { filesOf, labelSets, readClips, readLabels, removeFiles } from './part-files.js'
import type { PartWriter } from './part-writer.js'
import type { Stale } from './video-index.js'

/**
 * Takes videos out of a committed part: its files are replaced one by one, each whole, its manifest last. Ended by
 * force in between, the next open finds the same videos stale and does it again with the same result.
 */
export async function removeFromPart(writer: PartWriter, { part, sources }: Stale): Promise<void> {
  const { blobs, place } = writer
  const manifest = await readManifest(blobs, place, part)
  if (manifest === undefined) return
  const videos = manifest.videos.filter((video) => !sources.has(video.source))
  if (videos.length === 0) {
    await blobs.remove(manifestFile(place, part))
    await removeFiles(blobs, manifest.files)
    return
  }
  const keep = (row: { readonly source: string }) => !sources.has(row.source)
  const clips = withVectors(part, await readClips(blobs, manifest, { vectors: true, frames: true, keep }))
  const files: PartFile[] = []
  for (const format of formats(manifest, 'embeddings')) {
    await writer.embeddings(part, clips, format, files)
  }
  for (const labelSet of labelSets(manifest)) {
    const rows: LabelRow[] = ((await readLabels(blobs, manifest, labelSet)) ?? []).filter(keep)
    for (const format of formats(manifest, 'labels', labelSet)) {
      await writer.labels(part, rows, format, files)
    }
  }
  await rewriteManifest(blobs, place, { ...manifest, rows: clips.length, files, videos })
  const kept = new Set(files.map((file) => file.path))
  await removeFiles(
    blobs,
    manifest.files.filter((file) => !kept.has(file.path)),
  )
}

/** Stored clips as embeddings; every stored clip has a vector. */
export function withVectors(part: string, clips: readonly DecodedClip[]): Embedding[] {
  return clips.map(({ vector, ...clip }) => {
    if (vector === undefined) throw corrupt(`Part ${part}`, `has no vector for clip ${clip.clipId}`)
    return { ...clip, vector }
  })
}

function formats(manifest: Manifest, kind: PartFile['kind'], labelSet?: string) {
  const files = filesOf(manifest, { kind, ...(labelSet === undefined ? {} : { labelSet }) })
  return new Set(files.map((file) => file.format))
}
