import { stat } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { z } from 'zod'
import type { StanflowError } from '../errors.js'
import type { BrokenLine, DataItem, DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, optionalFile, readCsv, readText } from './files.js'
import { invalid } from './invalid.js'
import { brokenIn, type Placed, sift, textLines, Unreadable } from './sift.js'
import { locate, VideoFolder } from './videos.js'

/** Which file is which split: DeepMind's own names, and those of the lists that training codes publish. */
const SPLITS = { val: ['val', 'validate', 'validation'], train: ['train'], test: ['test'] } as const
const filesOf = (split: keyof typeof SPLITS): string[] =>
  SPLITS[split].flatMap((name) => [
    ...[`${name}.csv`, `kinetics_400_${name}.csv`, `kinetics400_${name}.csv`, `k400_${name}.csv`],
    ...[`kinetics400_${name}_list_videos.txt`, `${name}.txt`, `${name}_list.txt`],
  ])
const CLASSES = [
  'label_map_k400.txt',
  'kinetics_label_map_k400.txt',
  'kinetics_400_labels.csv',
  'classes.txt',
]

const Row = z.object({
  label: z.string().min(1),
  youtube_id: z.string().min(1),
  time_start: z.coerce.number().min(0),
  time_end: z.coerce.number().min(0),
})

const ClassRow = z.object({ id: z.coerce.number().int(), name: z.string() })

interface Listed {
  readonly path: string
  readonly number: number
}

type Wanted = Omit<DataItem, 'path'> & { readonly path: string | undefined }
interface Annotated {
  readonly wanted: readonly Wanted[]
  readonly classes: readonly string[]
  readonly broken: readonly BrokenLine[]
}

export const kinetics: DataSetFormat = {
  name: 'Kinetics-400',
  splits: ['val', 'train', 'test'],
  async read({ place, root, split }) {
    const file = await annotationFile(place, filesOf(split as keyof typeof SPLITS))
    const videos = root ?? (await folderOf(place))
    const folder = await VideoFolder.open(videos)
    const [head = ''] = (await readText(file)).split('\n', 1)
    const isOfficial = head.includes('youtube_id')
    if (isOfficial && !/\blabel\b/.test(head)) throw withoutLabels(file)
    const { wanted, classes, broken } = isOfficial
      ? await official(file, folder)
      : await flat(file, videos, folder, await classNames(await folderOf(place), dirname(file)))
    return { title: 'Kinetics-400', classes, ...brokenIn(broken), ...locate(wanted) }
  },
}

/** A test list may be published so. */
const withoutLabels = (file: string): StanflowError =>
  invalid(file, 'this split has no labels, so there is nothing to score', {
    hint: 'Take one that has: --split val, or name a list with a column label.',
  })

/** `label,youtube_id,time_start,time_end,split`: a trimmed clip, or the whole video to be trimmed. */
async function official(file: string, videos: VideoFolder): Promise<Annotated> {
  const { rows, broken } = await readCsv(file, Row)
  const wanted = rows.map(([, { label, youtube_id, time_start: start, time_end: end }]) => {
    const padded = [start, end].map((time) => String(time).padStart(6, '0')).join('_')
    const id = `${youtube_id}_${padded}`
    const trimmed = videos.find(id, `${youtube_id}_${start}_${end}`)
    const whole = trimmed === undefined ? videos.find(youtube_id) : undefined
    return {
      ...{ id, captions: [], label, path: trimmed ?? whole },
      ...(whole !== undefined && { segment: { start, end } }),
    }
  })
  return { wanted, classes: [...new Set(rows.map(([, { label }]) => label))].sort(), broken }
}

/** `path number`, the class counted from 0; between them a space, a tab or a comma. */
async function flat(
  file: string,
  root: string,
  videos: VideoFolder,
  names: readonly string[] | undefined,
): Promise<Annotated> {
  const listed = sift(file, textLines(await readText(file)), (line): Listed | Unreadable => {
    const [, path, number] = /^\s*(.+?)[\s,]+(\d+)\s*$/.exec(line) ?? []
    if (path !== undefined && number !== undefined) return { path, number: Number(number) }
    return new Unreadable('it is neither "path number" nor under a header with youtube_id')
  })
  const classes = names ?? classesOfFolders(file, listed.rows)
  const known = sift(file, listed.rows, ({ path, number }) => {
    const label = classes[number]
    if (label === undefined) return new Unreadable(`${path} is of class ${number}, of ${classes.length}`)
    if (names === undefined && folderName(path) !== label)
      return new Unreadable(`${path} is of class ${number}, as videos of the folder ${label} are`)
    return { path, label }
  })
  const wanted: Wanted[] = []
  for (const [, { path, label }] of known.rows) {
    const direct = resolve(root, path)
    const isThere = await stat(direct).then(
      (facts) => facts.isFile(),
      () => false,
    )
    const found = isThere ? direct : videos.find(basename(path))
    wanted.push({ id: basename(path, extname(path)), captions: [], label, path: found })
  }
  return { wanted, classes, broken: [...listed.broken, ...known.broken] }
}

/** A class a line, or `id,name` rows. */
async function classNames(...folders: readonly string[]): Promise<string[] | undefined> {
  for (const folder of folders) {
    const file = await optionalFile(folder, CLASSES)
    if (file === undefined) continue
    if (file.endsWith('.csv')) {
      const { rows, broken } = await readCsv(file, ClassRow)
      const [first] = broken
      // A class that is passed over would give all that follow another's name.
      if (first !== undefined) throw invalid(file, `${first.at}: ${first.why}`)
      const named = rows.map(([, row]) => row)
      return named.sort((a, b) => a.id - b.id).map(({ name }) => name)
    }
    return (await readText(file)).split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  }
  return undefined
}

const folderName = (path: string): string => basename(dirname(path)).replaceAll('_', ' ')

/** A larger number is none of a class. */
const MOST_CLASSES = 100_000

/** Where no names are published beside the list, the folders of the videos are named after the classes. */
function classesOfFolders(file: string, listed: readonly Placed<Listed>[]): string[] {
  const names: string[] = []
  for (const [, { path, number }] of listed)
    if (number < MOST_CLASSES && folderName(path) !== '.') names[number] ??= folderName(path)
  const named = listed.filter(([, { path, number }]) => names[number] === folderName(path))
  // Of a few that differ each is told; where most do, folders are no classes.
  if (named.length * 2 <= listed.length)
    throw invalid(file, `it numbers its classes, and none of ${CLASSES.join(', ')} is there to name them`)
  return Array.from(names, (name, number) => name ?? `class ${number}`)
}
