import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'

/** Writes a file of a data set, and the folders it lies in. */
async function put(dir: string, name: string, content: string): Promise<void> {
  await mkdir(dirname(join(dir, name)), { recursive: true })
  await writeFile(join(dir, name), content)
}

/** Real videos under the names that a data set gives them. `names`: without ending, or with one more. */
async function place(dir: string, videos: readonly string[], names: readonly string[]): Promise<void> {
  for (const [n, name] of names.entries()) {
    const video = videos[n % videos.length] as string
    const to = join(dir, `${name}${extname(video)}`)
    await mkdir(dirname(to), { recursive: true })
    await copyFile(video, to)
  }
}

const json = (value: unknown): string => JSON.stringify(value)

/**
 * MSR-VTT as it is published: `MSRVTT_data.json`, lists of what is trained on, JSFusion's test. Captions: two a video.
 * video0 to video3 train, video7010 validate, video9770 and video9771 test; video9999 has no file.
 */
export async function writeMsrvtt(dir: string, videos: readonly string[]): Promise<void> {
  const split = { video0: 'train', video1: 'train', video2: 'train', video6513: 'validate' }
  const all = { ...split, video9770: 'test', video9771: 'test', video9999: 'test' }
  const ids = Object.keys(all)
  const data = {
    info: { contributor: 'Microsoft MSM group', version: '1.0', year: '2016', data_created: '2016-04-14' },
    videos: ids.map((video_id, id) => ({
      ...{
        category: 9,
        url: 'https://example.org/watch',
        video_id,
        'start time': 137.72,
        'end time': 149.44,
      },
      ...{ split: all[video_id as keyof typeof all], id },
    })),
    sentences: ids.flatMap((video_id, n) =>
      [`first words about ${video_id}`, `second words about ${video_id}`].map((caption, k) => ({
        ...{ caption, video_id, sen_id: 2 * n + k },
      })),
    ),
  }
  await put(dir, 'msrvtt_data/MSRVTT_data.json', json(data))
  await put(dir, 'msrvtt_data/MSRVTT_train.9k.csv', 'video_id\nvideo0\nvideo1\nvideo2\nvideo6513\n')
  await put(dir, 'msrvtt_data/MSRVTT_train.7k.csv', 'video_id\nvideo0\nvideo1\nvideo2\n')
  const test =
    'key,vid_key,video_id,sentence\n' +
    'ret0,msr9770,video9770,a person is connecting something to system\n' +
    'ret1,msr9771,video9771,"a little girl does gymnastics, twice"\n' +
    'ret2,msr9999,video9999,nobody kept this one\n'
  await put(dir, 'msrvtt_data/MSRVTT_JSFUSION_test.csv', test)
  await place(
    join(dir, 'MSRVTT/videos/all'),
    videos,
    ids.filter((id) => id !== 'video9999'),
  )
}

/** DiDeMo: moments of videos with their endings in the name; one file has a second ending, one is not there. */
export async function writeDidemo(dir: string, videos: readonly string[]): Promise<void> {
  const moment = (video: string, description: string, times: number[][], annotation_id: number): object => ({
    ...{ num_segments: 6, description, dl_link: 'https://example.org/dl', times, video, annotation_id },
  })
  const [first, second, gone] = [
    '26292851@N04_4253489686_265c3c8051.m4v',
    '99996214@N00_5277035407_bb8738f945.3gp',
    '1@N_2_3.mov',
  ]
  const test = [
    moment(
      first as string,
      'someone kicks the bug towards some rocks.',
      [
        [4, 4],
        [4, 4],
        [0, 0],
        [4, 4],
      ],
      1,
    ),
    moment(
      second as string,
      'A dog turns. ',
      [
        [0, 0],
        [0, 1],
      ],
      2,
    ),
    moment(
      first as string,
      'the camera pans left',
      [
        [2, 3],
        [2, 3],
      ],
      3,
    ),
    moment(
      gone as string,
      'lost',
      [
        [2, 3],
        [2, 3],
      ],
      4,
    ),
  ]
  await put(dir, 'test_data.json', json(test))
  await place(join(dir, 'videos'), videos, ['26292851@N04_4253489686_265c3c8051', second as string])
}

/** LSMDC: six fields between tabs, no header; clips in folders of their movies. */
export async function writeLsmdc(dir: string, videos: readonly string[]): Promise<void> {
  const clips = [
    '0001_American_Beauty_00.00.51.926-00.00.54.129',
    '1012_Unbreakable_00.05.16.065-00.05.21.941',
    '3064_SPARKLE_2012_01.41.07.000-01.41.11.793',
  ]
  const line = (clip: string, sentence: string): string =>
    [clip, '00.00.51.926', '00.00.54.129', '00.00.51.926', '00.00.54.129', sentence].join('\t')
  const test = [
    line(clips[0] as string, 'SOMEONE, whose hair is dark, lies on the bed.'),
    line(`"${clips[1]}`, 'The train slows"'),
    line(clips[2] as string, 'She sings.'),
  ]
  await put(dir, 'LSMDC16_challenge_1000_publictect.csv', `${test.join('\n')}\n`)
  const again = [line(clips[0] as string, 'He wakes.'), line(clips[0] as string, 'He gets up.')]
  await put(dir, 'LSMDC16_annos_training.csv', `${again.join('\r\n')}\r\n`)
  await place(
    join(dir, 'avi'),
    videos,
    clips.slice(0, 2).map((clip) => `${clip.slice(0, clip.lastIndexOf('_'))}/${clip}`),
  )
}

/** DeepMind's rows: a trimmed clip, a whole video to trim, and one that is not there. */
export async function writeKinetics(dir: string, videos: readonly string[]): Promise<void> {
  const rows =
    'label,youtube_id,time_start,time_end,split,is_cc\n' +
    'abseiling,-3B32lodo2M,59,69,val,0\n' +
    '"petting animal (not cat)",0lqR7K4rMWs,1,3,val,0\n' +
    'zumba,gone_gone_0,0,10,val,0\n'
  await put(dir, 'annotations/val.csv', rows)
  await place(dir, videos, ['val/abseiling/-3B32lodo2M_000059_000069', 'val/0lqR7K4rMWs'])
}

/** A list as training codes publish it, with its classes beside it. */
export async function writeKineticsList(dir: string, videos: readonly string[]): Promise<void> {
  const list =
    'abseiling/-3B32lodo2M_000059_000069.mp4 0\nair drumming/_dbcJuKJQNs_000040_000050.mp4 1\nzumba/gone.mp4 2\n'
  await put(dir, 'kinetics400_val_list_videos.txt', list)
  await put(dir, 'label_map_k400.txt', 'abseiling\nair drumming\nzumba\n')
  await place(dir, videos, ['abseiling/-3B32lodo2M_000059_000069', 'elsewhere/_dbcJuKJQNs_000040_000050'])
}

/** Something-Something v2: templates, what was put into them, and numbered classes. */
export async function writeSsv2(dir: string, videos: readonly string[]): Promise<void> {
  const line = (id: string, label: string, template: string, placeholders: string[]): object => ({
    ...{ id, label, template, placeholders },
  })
  const validation = [
    line(
      '74225',
      'spinning cube that quickly stops spinning',
      'Spinning [something] that quickly stops spinning',
      ['cube'],
    ),
    line('116154', 'showing that pen is inside cup', 'Showing that [something] is inside [something]', [
      'pen',
      'cup',
    ]),
    line('198186', 'showing that ring is inside box', 'Showing that [something] is inside [something]', [
      'ring',
      'box',
    ]),
  ]
  await put(dir, 'labels/validation.json', json(validation))
  const labels = {
    'Approaching something with your camera': '0',
    'Spinning something that quickly stops spinning': '2',
  }
  await put(dir, 'labels/labels.json', json({ ...labels, 'Showing that something is inside something': '1' }))
  await place(join(dir, '20bn-something-something-v2'), videos, ['74225', '116154'])
}
