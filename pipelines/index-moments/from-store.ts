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
    const isDone = ({ mark, version }: (typeof parts)[number]): boolean => {
      const [known, ...with_] = (done.get(mark) ?? '').split(' ')
      return known === version && (!feed.keepFrames || with_.includes(FRAMED))
    }
    const due = parts.filter((part) => !isDone(part))
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
      if (done.has(mark)) {
        // A part gains no clips. A video that has changed lies in a newer part now, and leaves this one.
        for (const own of labels.values()) await writer.label({ ...own, modelDigest, early: false })
        await feed.retain(modelDigest, part, current)
        const before = done.get(mark)?.split(' ').includes(FRAMED) === true
        if (feed.keepFrames && !before) {
          for (const clip of await readClips(blobs, manifest, { vectors: true, frames: true, keep })) {
            const { vector, frames } = clip
            if (vector === undefined || frames === undefined) continue
            const sampled = samplingSlug(manifest.sampling)
            await writer.frame({ ...clip, vector, sampling: sampled, origin: part, indexedMs: Date.now() })
          }
        }
      } else {
        for (const clip of await readClips(blobs, manifest, {
          ...{ vectors: true, frames: feed.keepFrames, keep },
        })) {
          const { vector } = clip
          const own = labels.get(clip.clipId)
          if (vector === undefined) continue
          await feed.add({
            ...{ ...clip, vector, sampling: samplingSlug(manifest.sampling), origin: part },
            ...(own !== undefined && { labels: own }),
          })
        }
      }
      const framed = feed.keepFrames || done.get(mark)?.split(' ').includes(FRAMED) === true
      writer.mark({ key: mark, value: framed ? `${version} ${FRAMED}` : version })
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
