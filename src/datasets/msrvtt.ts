import { z } from 'zod'
import type { DataSetFormat } from './dataset.js'
import { annotationFile, folderOf, invalid, readCsv, readJson } from './files.js'
import { grouped } from './group.js'
import { locate, VideoFolder } from './videos.js'

/** As Microsoft published it: all captions in one file. */
const Data = z.object({
  videos: z.array(z.object({ video_id: z.string(), split: z.string() })),
  sentences: z.array(z.object({ caption: z.string(), video_id: z.string() })),
})
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
    const captions = await captionsOf(place, split)
    const videos = await VideoFolder.open(root ?? (await folderOf(place)))
    const wanted = [...captions].map(([id, sentences]) => ({
      id,
      captions: sentences,
      path: videos.find(id),
    }))
    return { title: `MSR-VTT ${split.startsWith('full') ? 'full' : '1k-A'}`, ...locate(wanted) }
  },
}

async function captionsOf(place: string, split: string): Promise<Map<string, readonly string[]>> {
  if (split === 'test') {
    const rows = await readCsv(await annotationFile(place, TEST), TestRow)
    return grouped(rows.map(({ video_id: id, sentence }) => [id, sentence]))
  }
  const folder = await folderOf(place)
  const file = await annotationFile(folder, DATA)
  const { videos, sentences } = await readJson(file, Data)
  const all = grouped(sentences.map(({ video_id: id, caption }) => [id, caption]))
  const ids =
    split in FULL
      ? videos
          .filter((video) => video.split === FULL[split as keyof typeof FULL])
          .map((video) => video.video_id)
      : (await readCsv(await annotationFile(folder, TRAIN[split as keyof typeof TRAIN]), TrainRow)).map(
          (row) => row.video_id,
        )
  return new Map(
    ids.map((id) => {
      const own = all.get(id)
      if (own === undefined) throw invalid(file, `${id} of the split ${split} has no caption`)
      return [id, own]
    }),
  )
}
