import type { Label } from '../../domain.js'
import type { Recipe, Relabel, ResultFormat } from '../store.js'
import { type LabelRow, labelRows } from './formats/codec.js'
import { CODECS } from './formats/codecs.js'
import { type Manifest, type PartFile, readManifest, rewriteManifest } from './manifest.js'
import { filesOf, readClips, readLabels, removeFiles } from './part-files.js'
import type { PartWriter } from './part-writer.js'
import { withVectors } from './supersede.js'

/** What a part should have beyond what it was written with. */
export interface Wanted {
  readonly format: ResultFormat
  readonly labelSet: Recipe['labelSetDigest'] | undefined
  readonly relabel: Relabel | undefined
}

/**
 * Adds to a committed part what is missing, from its stored vectors: another format, or the labels of another label
 * set. Nothing is decoded again and nothing that was there goes away.
 */
export async function completePart(writer: PartWriter, part: string, wanted: Wanted): Promise<void> {
  const { blobs, place } = writer
  const manifest = await readManifest(blobs, place, part)
  if (manifest === undefined) return
  const missing = missingIn(manifest, wanted)
  const added: PartFile[] = []
  try {
    const clips = withVectors(part, await readClips(blobs, manifest, { vectors: true }))
    if (missing.embeddings) await writer.embeddings(part, clips, wanted.format, added)
    if (missing.labels && wanted.labelSet !== undefined) {
      const stored = await readLabels(blobs, manifest, wanted.labelSet)
      const labels = (): readonly (readonly Label[])[] => wanted.relabel?.(clips) ?? []
      const rows: LabelRow[] = stored ?? label(clips, labels(), wanted.labelSet)
      await writer.labels(part, rows, wanted.format, added)
    }
    if (added.length > 0) {
      await rewriteManifest(blobs, place, { ...manifest, files: [...manifest.files, ...added] })
    }
  } catch (error) {
    await removeFiles(blobs, added)
    throw error
  }
}

function label(
  clips: ReturnType<typeof withVectors>,
  labels: readonly (readonly Label[])[],
  labelSet: string,
): LabelRow[] {
  return clips.flatMap((clip, i) => labelRows(clip, labels[i] ?? [], labelSet))
}

/** What a committed part lacks that `completePart` can add. */
export function missingIn(manifest: Pick<Manifest, 'files' | 'rows'>, wanted: Wanted) {
  const { format, labelSet, relabel } = wanted
  const lacks = (file: Partial<PartFile>) => manifest.rows > 0 && filesOf(manifest, file).length === 0
  const canLabel =
    labelSet !== undefined &&
    (relabel !== undefined || filesOf(manifest, { kind: 'labels', labelSet }).length > 0)
  return {
    embeddings: lacks({ kind: 'embeddings', format }),
    labels: canLabel && lacks({ kind: 'labels', labelSet, format: CODECS[format].labelsFormat }),
  }
}
