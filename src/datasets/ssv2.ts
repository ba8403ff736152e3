import { z } from 'zod'
import type { DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, readJson, siftEntries } from './files.js'
import { brokenIn, sift, Unreadable } from './sift.js'
import { locate, VideoFolder } from './videos.js'

const Video = z.object({
  id: z.union([z.string(), z.number().transform(String)]),
  /** What is seen: `holding potato next to vicks vaporub bottle`. */
  label: z.string(),
  /** Its class, with what was put in: `Holding [something] next to [something]`. */
  template: z.string(),
  placeholders: z.array(z.string()),
})
/** Classes without brackets → number. */
const Labels = z.record(z.string(), z.coerce.number().int().min(0))

const named = (name: string): string[] => [`${name}.json`, `something-something-v2-${name}.json`]

/** The class of a template. */
export const classOf = (template: string): string => template.replaceAll(/[[\]]/g, '')

export const ssv2: DataSetFormat = {
  name: 'Something-Something v2',
  splits: ['val', 'train'],
  async read({ place, root, split }) {
    const file = await annotationFile(place, named(split === 'val' ? 'validation' : split))
    const folder = await folderOf(place)
    const labels = await readJson(await annotationFile(folder, named('labels')), Labels)
    const classes = Object.keys(labels).sort((a, b) => (labels[a] as number) - (labels[b] as number))
    const videos = await VideoFolder.open(root ?? folder)
    const entries = siftEntries(file, await readJson(file, z.array(z.unknown())), Video)
    const { rows, broken } = sift(file, entries.rows, ({ id, label: caption, template }) => {
      const label = classOf(template)
      if (labels[label] === undefined) return new Unreadable(`video ${id}: there is no class "${label}"`)
      return { id, captions: [caption], label, path: videos.find(id) }
    })
    const wanted = rows.map(([, row]) => row)
    const title = 'Something-Something v2'
    return { title, classes, ...brokenIn(entries.broken, broken), ...locate(wanted) }
  },
}
