import { z } from 'zod'
import type { BrokenLine, DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, readCsv, readJson, siftEntries } from './files.js'
import { grouped } from './group.js'
import { brokenIn, type Sifted, sift, Unreadable } from './sift.js'
import { locate, VideoFolder } from './videos.js'

/** As Microsoft published it: all captions in one file. */
const Data = z.object({ videos: z.array(z.unknown()), sentences: z.array(z.unknown()) })
const Video = z.object({ video_id: z.string(), split: z.string() })
const Sentence = z.object({ caption: z.string(), video_id: z.string() })
const DATA = ['MSRVTT_data.json']

/** The test set of JSFusion, a caption each of a thousand videos: what papers call 1k-A. */
const TEST = ['MSRVTT_JSFUSION_test.csv']
const TestRow = z.object({ video_id: z.string().min(1), sentence: z.string().min(1) })

/** Which videos are trained on; their captions, twenty each, are those of `MSRVTT_data.json`. */
const TRAIN = { train: ['MSRVTT_train.9k.csv'], 'train-7k': ['MSRVTT_train.7k.csv'] } as const
const TrainRow = z.object({ video_id: z.string().min(1) })

/** Of `split` in `MSRVTT_data.json`. */
const FULL = { 'full-test': 'test', 'full-train': 'train', 'full-val': 'validate' } as const

export const msrvtt: DataSetFormat = {
  name: 'MSR-VTT',
  splits: ['test', 'train', 'train-7k', 'full-test', 'full-train', 'full-val'],
  async read({ place, root, split }) {
    const { captions, broken } = await captionsOf(place, split)
    const videos = await VideoFolder.open(root ?? (await folderOf(place)))
    const wanted = [...captions].map(([id, sentences]) => ({
      id,
      captions: sentences,
      path: videos.find(id),
    }))
    const title = `MSR-VTT ${split.startsWith('full') ? 'full' : '1k-A'}`
    return { title, ...brokenIn(broken), ...locate(wanted) }
  },
}

interface Listed {
  readonly video_id: string
  readonly split?: string
}

interface Captions {
  readonly captions: ReadonlyMap<string, readonly string[]>
  readonly broken: readonly BrokenLine[]
}

async function captionsOf(place: string, split: string): Promise<Captions> {
  if (split === 'test') {
    const { rows, broken } = await readCsv(await annotationFile(place, TEST), TestRow)
    return { captions: grouped(rows.map(([, { video_id: id, sentence }]) => [id, sentence])), broken }
  }
  const folder = await folderOf(place)
  const file = await annotationFile(folder, DATA)
  const data = await readJson(file, Data)
  const sentences = siftEntries(file, data.sentences, Sentence)
  const all = grouped(sentences.rows.map(([, { video_id: id, caption }]) => [id, caption]))
  const isFull = split in FULL
  const list = isFull ? file : await annotationFile(folder, TRAIN[split as keyof typeof TRAIN])
  const listed: Sifted<Listed> = isFull
    ? siftEntries(file, data.videos, Video)
    : await readCsv(list, TrainRow)
  const own = listed.rows.filter(([, video]) => !isFull || video.split === FULL[split as keyof typeof FULL])
  const told = sift(list, own, ({ video_id: id }): readonly [string, readonly string[]] | Unreadable => {
    const captions = all.get(id)
    return captions === undefined ? new Unreadable(`${id} has no caption`) : [id, captions]
  })
  return {
    captions: new Map(told.rows.map(([, row]) => row)),
    broken: [...sentences.broken, ...listed.broken, ...told.broken],
  }
}
