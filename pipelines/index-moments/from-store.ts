import { createHash } from 'node:crypto'
import type { Blobs } from '../../src/connect/blobs.js'
import type { LabelRow } from '../../src/connect/files/formats/codec.js'
import { samplingSlug } from '../../src/connect/files/layout.js'
import { listRecipes, type Manifest, readManifests } from '../../src/connect/files/manifest.js'
import { labelSets, readClips, readLabels } from '../../src/connect/files/part-files.js'
import { VideoIndex } from '../../src/connect/files/video-index.js'
import type { ClipLabels } from '../../src/search/rows.js'
import { readModelFacts } from '../report-recipes.js'
import type { Feed } from './feed.js'

/** In the mark of a part: the vectors of its frames were taken in, where it has them. */
const FRAMED = 'frames'

/** What a backfill stored, part by part: those that have changed since they were indexed. */
export async function fromStore(blobs: Blobs, feed: Feed): Promise<void> {
  const { writer, index, signal } = feed
  for (const place of await listRecipes(blobs)) {
    const videos = new VideoIndex()
    const parts: { readonly manifest: Manifest; readonly mark: string; readonly version: string }[] = []
    for await (const manifest of readManifests(blobs, place)) {
      videos.add(manifest)
      if (!feed.wants(manifest.modelDigest)) continue
      const version = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 16)
      parts.push({ manifest, version, mark: `part ${blobs.location} ${manifest.part}` })
    }
    const done = await index.marksOf(parts.map(({ mark }) => mark))
    const before = (mark: string): { readonly version: string | undefined; readonly framed: boolean } => {
      const [version, ...more] = (done.get(mark) ?? '').split(' ')
      return { version, framed: more.includes(FRAMED) }
    }
    const due = parts.filter(({ mark, version }) => {
      const known = before(mark)
      return known.version !== version || (feed.keepFrames && !known.framed)
    })
    feed.expect(due.length)
    for (const { manifest, mark, version } of due) {
      if (signal.aborted) return
      const { modelDigest, dim, part } = manifest
      const { name, structure, precision } = await readModelFacts(blobs, modelDigest)
      const known = name === 'a model' ? {} : { name }
      await writer.admit(modelDigest, dim, {
        ...known,
        ...(structure !== undefined && { structure }),
        ...(precision !== undefined && { precision }),
      })
      const valid = manifest.videos.filter((video) => videos.isCurrent(part, video))
      const current = new Set(valid.map(({ source }) => source))
      const set = labelSets(manifest).at(-1)
      const labels = groupLabels(set === undefined ? [] : ((await readLabels(blobs, manifest, set)) ?? []))
      const keep = ({ source }: { readonly source: string }): boolean => current.has(source)
      const wasFramed = before(mark).framed
      const from = { sampling: samplingSlug(manifest.sampling), origin: part }
      if (done.has(mark)) {
        // A part gains no clips. A video that has changed lies in a newer part now, and leaves this one.
        for (const own of labels.values()) await writer.label({ ...own, modelDigest, early: false })
        await feed.retain(modelDigest, part, current)
        if (feed.keepFrames && !wasFramed) {
          for (const clip of await readClips(blobs, manifest, { vectors: true, frames: true, keep })) {
            const { vector, frames } = clip
            if (vector === undefined || frames === undefined) continue
            await writer.frame({ ...clip, ...from, vector, indexedMs: Date.now() })
          }
        }
      } else {
        const read = { vectors: true, frames: feed.keepFrames, keep }
        for (const clip of await readClips(blobs, manifest, read)) {
          const { vector } = clip
          const own = labels.get(clip.clipId)
          if (vector === undefined) continue
          await feed.add({ ...clip, ...from, vector, ...(own !== undefined && { labels: own }) })
        }
      }
      writer.mark({ key: mark, value: feed.keepFrames || wasFramed ? `${version} ${FRAMED}` : version })
      await feed.settle()
      feed.read()
    }
  }
}

export function groupLabels(rows: readonly LabelRow[]): ReadonlyMap<string, ClipLabels> {
  const byClip = new Map<string, LabelRow[]>()
  for (const row of rows) {
    const own = byClip.get(row.clipId)
    if (own === undefined) byClip.set(row.clipId, [row])
    else own.push(row)
  }
  return new Map(
    [...byClip].map(([clipId, own]) => [
      clipId,
      {
        ...{ clipId, labelSet: own[0]?.labelSet ?? '' },
        labels: own
          .sort((a, b) => a.rank - b.rank)
          .map(({ label, score, similarity }) => ({ label, score, similarity })),
      },
    ]),
  )
}
