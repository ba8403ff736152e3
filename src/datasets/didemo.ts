import { z } from 'zod'
import type { DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, readJson } from './files.js'
import { grouped } from './group.js'
import { locate, VideoFolder } from './videos.js'

/** A moment: what somebody said of it, and which five-second pieces others found it in. */
const Moments = z.array(
  z.object({
    video: z.string().min(1),
    description: z.string(),
    times: z.array(z.tuple([z.number(), z.number()])),
  }),
)

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
    const moments = await readJson(await annotationFile(place, [`${split}_data.json`]), Moments)
    const videos = await VideoFolder.open(root ?? (await folderOf(place)))
    const paragraphs = grouped(moments.map(({ video, description }) => [video, description.trim()]))
    const wanted = [...paragraphs].map(([id, descriptions]) => ({
      id,
      captions: [descriptions.join(' ')],
      path: videos.find(id),
      segment: { start: 0, end: END },
    }))
    return { title: 'DiDeMo paragraphs', ...locate(wanted) }
  },
}
