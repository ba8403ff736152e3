import { stat } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { z } from 'zod'
import type { DataItem, DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, invalid, optionalFile, readCsv, readText } from './files.js'
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

type Wanted = Omit<DataItem, 'path'> & { readonly path: string | undefined }
interface Annotated {
  readonly wanted: readonly Wanted[]
  readonly classes: readonly string[]
}

export const kinetics: DataSetFormat = {
  name: 'Kinetics-400',
  splits: ['val', 'train', 'test'],
  async read({ place, root, split }) {
    const file = await annotationFile(place, filesOf(split as keyof typeof SPLITS))
    const videos = root ?? (await folderOf(place))
    const folder = await VideoFolder.open(videos)
    const isOfficial = (await readText(file)).split('\n', 1)[0]?.includes('youtube_id') ?? false
    const { wanted, classes } = isOfficial
      ? await official(file, folder)
      : await flat(file, videos, folder, await classNames(await folderOf(place), dirname(file)))
    return { title: 'Kinetics-400', classes, ...locate(wanted) }
  },
}

/** `label,youtube_id,time_start,time_end,split`: a trimmed clip, or the whole video to be trimmed. */
async function official(file: string, videos: VideoFolder): Promise<Annotated> {
  const rows = await readCsv(file, Row)
  const wanted = rows.map(({ label, youtube_id, time_start: start, time_end: end }) => {
    const padded = [start, end].map((time) => String(time).padStart(6, '0')).join('_')
    const id = `${youtube_id}_${padded}`
    const trimmed = videos.find(id, `${youtube_id}_${start}_${end}`)
    const whole = trimmed === undefined ? videos.find(youtube_id) : undefined
    return {
      ...{ id, captions: [], label, path: trimmed ?? whole },
      ...(whole !== undefined && { segment: { start, end } }),
    }
  })
  return { wanted, classes: [...new Set(rows.map(({ label }) => label))].sort() }
}

/** `path number`, the class counted from 0; between them a space, a tab or a comma. */
async function flat(
  file: string,
  root: string,
  videos: VideoFolder,
  names: readonly string[] | undefined,
): Promise<Annotated> {
  const lines = (await readText(file)).split('\n')
  const listed = lines.flatMap((line, n) => {
    if (line.trim() === '') return []
    const [, path, number] = /^(.+?)[\s,]+(\d+)\s*$/.exec(line.trim()) ?? []
    if (path === undefined || number === undefined)
      throw invalid(file, `line ${n + 1} is neither "path class number" nor under a header with youtube_id`)
    return [{ path, number: Number(number) }]
  })
  const classes = names ?? classesOfFolders(file, listed)
  const wanted: Wanted[] = []
  for (const { path, number } of listed) {
    const label = classes[number]
    if (label === undefined) throw invalid(file, `${path} is of class ${number}, of ${classes.length}`)
    const direct = resolve(root, path)
    const isThere = await stat(direct).then(
      (facts) => facts.isFile(),
      () => false,
    )
    const found = isThere ? direct : videos.find(basename(path))
    wanted.push({ id: basename(path, extname(path)), captions: [], label, path: found })
  }
  return { wanted, classes }
}

/** A class a line, or `id,name` rows. */
async function classNames(...folders: readonly string[]): Promise<string[] | undefined> {
  for (const folder of folders) {
    const file = await optionalFile(folder, CLASSES)
    if (file === undefined) continue
    if (file.endsWith('.csv')) {
      const rows = await readCsv(file, z.object({ id: z.coerce.number().int(), name: z.string() }))
      return rows.sort((a, b) => a.id - b.id).map(({ name }) => name)
    }
    return (await readText(file)).split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  }
  return undefined
}

/** Where no names are published beside the list, the folders of the videos are named after the classes. */
function classesOfFolders(file: string, listed: readonly { path: string; number: number }[]): string[] {
  const names: string[] = []
  for (const { path, number } of listed) {
    const name = basename(dirname(path)).replaceAll('_', ' ')
    if (name === '.' || (names[number] ?? name) !== name)
      throw invalid(file, `it numbers its classes, and none of ${CLASSES.join(', ')} is there to name them`)
    names[number] = name
  }
  return Array.from(names, (name, number) => name ?? `class ${number}`)
}
