import { z } from 'zod'
import type { DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, readJson, siftEntries } from './files.js'
import { grouped } from './group.js'
import { brokenIn } from './sift.js'
import { locate, VideoFolder } from './videos.js'

/** A moment: what somebody said of it, and which five-second pieces others found it in. */
const Moment = z.object({
  video: z.string().min(1),
  description: z.string(),
  times: z.array(z.tuple([z.number(), z.number()])),
})

/** Longer videos were annotated up to here; retrieval codes read one second more than the thirty, and so do we. */
const END = 31

/**
 * Paragraphs: the descriptions of all moments of a video, in the order of the file, are one text for its first thirty
 * seconds, as retrieval papers have it.
 */
export const didemo: DataSetFormat = {
  name: 'DiDeMo',
  splits: ['test', 'val', 'train'],
  async read({ place, root, split }) {
    const file = await annotationFile(place, [`${split}_data.json`])
    const { rows, broken } = siftEntries(file, await readJson(file, z.array(z.unknown())), Moment)
    const videos = await VideoFolder.open(root ?? (await folderOf(place)))
    const paragraphs = grouped(rows.map(([, { video, description }]) => [video, description.trim()]))
    const wanted = [...paragraphs].map(([id, descriptions]) => ({
      id,
      captions: [descriptions.join(' ')],
      path: videos.find(id),
      segment: { start: 0, end: END },
    }))
    return { title: 'DiDeMo paragraphs', ...brokenIn(broken), ...locate(wanted) }
  },
}
