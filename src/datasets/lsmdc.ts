import type { DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, readText } from './files.js'
import { grouped } from './group.js'
import { brokenIn, sift, textLines, Unreadable } from './sift.js'
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
    const { rows, broken } = sift(file, textLines(await readText(file)), sentenceOf)
    const wanted = [...grouped(rows.map(([, row]) => row))].map(([id, captions]) => ({
      ...{ id, captions, path: videos.find(id) },
    }))
    return { title: 'LSMDC', ...brokenIn(broken), ...locate(wanted) }
  },
}

function sentenceOf(line: string): readonly [clip: string, sentence: string] | Unreadable {
  const cells = line.split('\t')
  const [clip = '', sentence = ''] = [cells[0], cells[COLUMNS - 1]].map((cell) => unquoted(cell ?? ''))
  if (cells.length !== COLUMNS)
    return new Unreadable(`its fields between tabs are ${cells.length}, not ${COLUMNS}`)
  if (clip === '' || sentence === '')
    return new Unreadable(`there is no ${clip === '' ? 'clip' : 'sentence'}`)
  return [clip, sentence]
}

/** A few lines of the published files stand in quotes. */
const unquoted = (cell: string): string => cell.trim().replace(/^"|"$/g, '').trim()
