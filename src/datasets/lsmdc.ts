import type { DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, invalid, readText } from './files.js'
import { grouped } from './group.js'
import { locate, VideoFolder } from './videos.js'

const FILES = {
  test: ['LSMDC16_challenge_1000_publictect.csv'],
  val: ['LSMDC16_annos_val.csv'],
  train: ['LSMDC16_annos_training.csv'],
} as const

const COLUMNS = 6

/**
 * Lines of six fields between tabs, without a header: clip, two times as aligned, two as extracted, sentence. The clips are files of
 * their own, so the times are not needed. A clip may have several lines.
 */
export const lsmdc: DataSetFormat = {
  name: 'LSMDC',
  splits: ['test', 'val', 'train'],
  async read({ place, root, split }) {
    const file = await annotationFile(place, FILES[split as keyof typeof FILES])
    const videos = await VideoFolder.open(root ?? (await folderOf(place)))
    const lines = (await readText(file)).split('\n').map((line) => line.trim())
    const rows = lines.flatMap((line, n): (readonly [string, string])[] => {
      if (line === '') return []
      const cells = line.split('\t')
      const [clip = '', sentence = ''] = [cells[0], cells[COLUMNS - 1]].map((cell) => unquoted(cell ?? ''))
      if (cells.length !== COLUMNS || clip === '' || sentence === '')
        throw invalid(file, `line ${n + 1} has ${cells.length} fields between tabs, not ${COLUMNS}`)
      return [[clip, sentence]]
    })
    const wanted = [...grouped(rows)].map(([id, captions]) => ({ id, captions, path: videos.find(id) }))
    return { title: 'LSMDC', ...locate(wanted) }
  },
}

/** A few lines of the published files stand in quotes. */
const unquoted = (cell: string): string => cell.trim().replace(/^"|"$/g, '').trim()
