import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { brokenLines, setLine } from '../../src/cli/data-lines.js'
import type { DataSet } from '../../src/datasets/dataset.js'
import { openDataSet } from '../../src/datasets/datasets.js'
import { renderVideo } from '../../src/media/encode.js'
import {
  writeDidemo,
  writeKinetics,
  writeKineticsList,
  writeLsmdc,
  writeMsrvtt,
  writeSsv2,
} from '../support/data-sets.js'

const dir = await mkdtemp(join(tmpdir(), 'stanflow-datasets-'))
after(() => rm(dir, { recursive: true, force: true }))

const video = join(dir, 'real.mp4')
before(() => renderVideo(video, { codec: 'h264', filter: 'testsrc2=size=96x64:rate=10,trim=end_frame=20' }))

/** What is found, as a person would write it down: captions by the name of the file. */
const found = ({ items }: DataSet): Record<string, readonly string[]> =>
  Object.fromEntries(items.map(({ path, captions }) => [basename(path), captions]))
const lost = ({ missing }: DataSet): string[] => missing.map(({ id }) => id)

async function made(name: string, write: (dir: string, videos: string[]) => Promise<void>): Promise<string> {
  const at = join(dir, name)
  await mkdir(at)
  await write(at, [video])
  return at
}

describe('data sets as they are published', () => {
  test('MSR-VTT: 1k-A has a caption a video, 9k and 7k train with all of them, the full test too', async () => {
    const at = await made('msrvtt', writeMsrvtt)
    const test1k = await openDataSet({ data: `msrvtt:${at}` })
    assert.deepEqual([test1k.title, test1k.split], ['MSR-VTT 1k-A', 'test'])
    assert.deepEqual(found(test1k), {
      'video9770.mp4': ['a person is connecting something to system'],
      'video9771.mp4': ['a little girl does gymnastics, twice'],
    })
    assert.deepEqual(lost(test1k), ['video9999'])
    const both = (id: string): string[] => [`first words about ${id}`, `second words about ${id}`]
    const names = (set: DataSet): string[] => Object.keys(found(set))
    const train = await openDataSet({ data: `msrvtt:${at}`, split: 'train' })
    assert.deepEqual(names(train), ['video0.mp4', 'video1.mp4', 'video2.mp4', 'video6513.mp4'])
    assert.deepEqual(train.items[3]?.captions, both('video6513'))
    const seven = await openDataSet({ data: `msrvtt:${at}`, split: 'train-7k' })
    assert.deepEqual(names(seven), ['video0.mp4', 'video1.mp4', 'video2.mp4'])
    const full = await openDataSet({ data: `msrvtt:${at}`, split: 'full-test' })
    assert.deepEqual(found(full), {
      'video9770.mp4': both('video9770'),
      'video9771.mp4': both('video9771'),
    })
  })

  test('DiDeMo: what is said of a video is one paragraph about its first half minute', async () => {
    const at = await made('didemo', writeDidemo)
    const set = await openDataSet({ data: `didemo:${at}` })
    assert.deepEqual(found(set), {
      '26292851@N04_4253489686_265c3c8051.mp4': [
        'someone kicks the bug towards some rocks. the camera pans left',
      ],
      '99996214@N00_5277035407_bb8738f945.3gp.mp4': ['A dog turns.'],
    })
    assert.deepEqual(set.items[0]?.segment, { start: 0, end: 31 })
    assert.deepEqual(lost(set), ['1@N_2_3.mov'])
  })

  test('LSMDC: dots in names, stray quotes, several sentences a clip', async () => {
    const at = await made('lsmdc', writeLsmdc)
    const set = await openDataSet({ data: `lsmdc:${at}` })
    assert.deepEqual(found(set), {
      '0001_American_Beauty_00.00.51.926-00.00.54.129.mp4': ['SOMEONE, whose hair is dark, lies on the bed.'],
      '1012_Unbreakable_00.05.16.065-00.05.21.941.mp4': ['The train slows'],
    })
    assert.deepEqual(lost(set), ['3064_SPARKLE_2012_01.41.07.000-01.41.11.793'])
    const train = await openDataSet({ data: `lsmdc:${at}`, split: 'training' })
    assert.deepEqual(Object.values(found(train)), [['He wakes.', 'He gets up.']])
  })

  test('Kinetics: trimmed clips by name, whole videos by their seconds', async () => {
    const at = await made('kinetics', writeKinetics)
    const set = await openDataSet({ data: `kinetics:${at}` })
    assert.deepEqual(set.classes, ['abseiling', 'petting animal (not cat)', 'zumba'])
    assert.deepEqual(
      set.items.map(({ path, label, segment }) => [relative(at, path), label, segment]),
      [
        ['val/abseiling/-3B32lodo2M_000059_000069.mp4', 'abseiling', undefined],
        ['val/0lqR7K4rMWs.mp4', 'petting animal (not cat)', { start: 1, end: 3 }],
      ],
    )
    assert.deepEqual(lost(set), ['gone_gone_0_000000_000010'])
  })

  test('Kinetics: a list of paths and numbers, classes named beside it or by the folders', async () => {
    const at = await made('list', writeKineticsList)
    const told = async (data: string): Promise<unknown> => {
      const { items, classes, missing } = await openDataSet({ data })
      return [items.map(({ label, path }) => [label, relative(at, path)]), classes, missing.length]
    }
    const expected = [
      [
        ['abseiling', 'abseiling/-3B32lodo2M_000059_000069.mp4'],
        ['air drumming', 'elsewhere/_dbcJuKJQNs_000040_000050.mp4'],
      ],
      ['abseiling', 'air drumming', 'zumba'],
      1,
    ]
    assert.deepEqual(await told(`kinetics:${at}`), expected)
    await rm(join(at, 'label_map_k400.txt'))
    assert.deepEqual(await told(`kinetics:${join(at, 'kinetics400_val_list_videos.txt')}`), expected)
  })

  test('Something-Something v2: classes are templates without brackets, in the order of their numbers', async () => {
    const at = await made('ssv2', writeSsv2)
    const set = await openDataSet({ data: `ssv2:${at}` })
    assert.deepEqual(set.classes, [
      'Approaching something with your camera',
      'Showing that something is inside something',
      'Spinning something that quickly stops spinning',
    ])
    assert.deepEqual(
      set.items.map(({ id, label, captions }) => [id, label, captions]),
      [
        [
          '74225',
          'Spinning something that quickly stops spinning',
          ['spinning cube that quickly stops spinning'],
        ],
        ['116154', 'Showing that something is inside something', ['showing that pen is inside cup']],
      ],
    )
    assert.deepEqual(lost(set), ['198186'])
  })

  test('a table: lines of one video come together; parts of a video and splits are told apart', async () => {
    const file = join(dir, 'parts.csv')
    const head = 'video,caption,label,start,end,split\n'
    const rows =
      'real.mp4,one,a,0,1,train\nreal.mp4,two,,0,1,train\nreal.mp4,three,b,1,2,test\ngone.mp4,four,,,,test\n'
    await writeFile(file, `\uFEFF${head}${rows}`)
    const all = await openDataSet({ data: file })
    assert.deepEqual(
      all.items.map(({ captions, label, segment }) => ({ captions, label, segment })),
      [
        { captions: ['one', 'two'], label: 'a', segment: { start: 0, end: 1 } },
        { captions: ['three'], label: 'b', segment: { start: 1, end: 2 } },
      ],
    )
    assert.deepEqual(all.missing, [{ id: 'gone.mp4', wanted: join(dir, 'gone.mp4') }])
    const train = await openDataSet({ data: file, split: 'train' })
    assert.deepEqual([train.items.length, train.classes, train.splits], [1, ['a'], ['test', 'train']])
    const named = join(dir, 'named.jsonl')
    const lines = ['Training', 'validation', 'dev'].map((split, n) => ({
      path: 'real.mp4',
      text: `${n}`,
      split,
    }))
    await writeFile(named, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const val = await openDataSet({ data: named, split: 'val' })
    assert.deepEqual(
      [val.splits, val.items[0]?.captions],
      [
        ['train', 'val'],
        ['1', '2'],
      ],
    )
    await assert.rejects(
      openDataSet({ data: named, split: 'test' }),
      /no line of the split test; it has train, val/,
    )
  })
})

const broken = (set: DataSet): [string, string][] => (set.broken ?? []).map(({ at, why }) => [at, why])

describe('a broken line ends nothing: it is told, and the rest counts', () => {
  const annotated = async (name: string, content: string): Promise<string> => {
    const file = join(dir, name)
    await writeFile(file, content)
    return file
  }

  test('a table of JSON lines', async () => {
    const lines = ['{"path": "real.mp4", "text": "one"}', '', '{"path": ', '{"path": "real.mp4"}', 'null']
    const set = await openDataSet({
      data: await annotated('some.jsonl', [...lines, '{"path": "real.mp4", "text": "two"}'].join('\n')),
    })
    assert.deepEqual(found(set), { 'real.mp4': ['one', 'two'] })
    assert.deepEqual(broken(set), [
      ['line 3', 'it is not JSON'],
      ['line 4', 'there is neither a text nor a label'],
      ['line 5', 'it is no object in {}'],
    ])
    assert.equal(set.broken?.[0]?.file, join(dir, 'some.jsonl'))
  })

  test('a line says which of its fields is wrong', async () => {
    const rows = [
      ...['{"path": "real.mp4", "text": "one"}', '{"text": "two"}', '{"path": "real.mp4", "text": 3}'],
      ...['{"path": "real.mp4", "captions": "four"}', '{"path": "real.mp4", "captions": ["five", 5]}'],
      ...['{"path": "real.mp4", "text": "six", "end": "late"}', '["real.mp4"]'],
    ]
    assert.deepEqual(broken(await openDataSet({ data: await annotated('fields.jsonl', rows.join('\n')) })), [
      ['line 2', 'there is no path'],
      ['line 3', 'text is no text'],
      ['line 4', 'captions is no list of texts'],
      ['line 5', 'captions is no list of texts'],
      ['line 6', 'end is no number of seconds'],
      ['line 7', 'it is no object in {}'],
    ])
  })

  test('a CSV: wrong fields, quotes that nobody closes, fields of several lines', async () => {
    const rows = [
      'video,caption',
      'real.mp4,one',
      'real.mp4,"two',
      'real.mp4,three,and more',
      '',
      'real.mp4,"four, on',
      'two lines"',
      ',five',
      'real.mp4,"six "and" more',
      'real.mp4,"seven',
      'real.mp4,eight',
    ]
    const set = await openDataSet({ data: await annotated('some.csv', rows.join('\r\n')) })
    assert.deepEqual(found(set), { 'real.mp4': ['one', 'four, on\ntwo lines', 'eight'] })
    assert.deepEqual(broken(set), [
      ['line 3', 'a quote is opened and not closed'],
      ['line 4', "its fields are 3, the header's are 2"],
      ['line 8', 'there is no path'],
      ['line 9', 'a quote is opened and not closed'],
      ['line 10', 'a quote is opened and not closed'],
    ])
  })

  test('a sound CSV has its lines numbered as an editor has them', async () => {
    const rows = 'path,text\nreal.mp4,"one\ntwo"\n\n,three\n'
    assert.deepEqual(broken(await openDataSet({ data: await annotated('lines.csv', rows) })), [
      ['line 5', 'there is no path'],
    ])
  })

  test('MSR-VTT: a row of the test, a video without captions', async () => {
    const at = await made('broken-msrvtt', writeMsrvtt)
    const test1k = join(at, 'msrvtt_data/MSRVTT_JSFUSION_test.csv')
    await writeFile(test1k, 'key,vid_key,video_id,sentence\nret0,msr0,video9770,\nret1,msr1,video9771,two\n')
    const set = await openDataSet({ data: `msrvtt:${at}` })
    assert.deepEqual(found(set), { 'video9771.mp4': ['two'] })
    assert.match(broken(set).join(), /^line 2,sentence: /)
    await writeFile(join(at, 'msrvtt_data/MSRVTT_train.7k.csv'), 'video_id\nvideo0\nvideo12\nvideo1\n')
    const seven = await openDataSet({ data: `msrvtt:${at}`, split: 'train-7k' })
    assert.deepEqual(Object.keys(found(seven)), ['video0.mp4', 'video1.mp4'])
    assert.deepEqual(broken(seven), [['line 3', 'video12 has no caption']])
  })

  test('LSMDC: a line of other fields', async () => {
    const at = await made('broken-lsmdc', writeLsmdc)
    const file = join(at, 'LSMDC16_annos_training.csv')
    const sound = (await readFile(file, 'utf8')).trim()
    await writeFile(file, `one\ttwo\n1_a\t0\t1\t2\t3\t\n${sound}\n`)
    const set = await openDataSet({ data: `lsmdc:${at}`, split: 'train' })
    assert.deepEqual(Object.values(found(set)), [['He wakes.', 'He gets up.']])
    assert.deepEqual(broken(set), [
      ['line 1', 'its fields between tabs are 2, not 6'],
      ['line 2', 'there is no sentence'],
    ])
  })

  test('Kinetics: a time that is none, a class that nobody names', async () => {
    const at = await made('broken-kinetics', writeKinetics)
    const rows = (await readFile(join(at, 'annotations/val.csv'), 'utf8')).trim()
    await writeFile(join(at, 'annotations/val.csv'), `${rows}\nzumba,abc,soon,later,val,0\n`)
    const set = await openDataSet({ data: `kinetics:${at}` })
    assert.equal(set.items.length, 2)
    assert.match(broken(set).join(), /^line 5,time_start: /)
    const list = await made('broken-list', writeKineticsList)
    const file = join(list, 'kinetics400_val_list_videos.txt')
    await writeFile(file, `zumba/gone.mp4 7\nnothing\n${await readFile(file, 'utf8')}`)
    assert.deepEqual(broken(await openDataSet({ data: `kinetics:${list}` })), [
      ['line 2', 'it is neither "path number" nor under a header with youtube_id'],
      ['line 1', 'zumba/gone.mp4 is of class 7, of 3'],
    ])
    await rm(list, { recursive: true })
  })

  test('Kinetics: classes named by folders, a number that is none and a video in another folder', async () => {
    const at = join(dir, 'by-folders')
    await mkdir(at)
    const lines = ['v/a/1.mp4 0', 'v/b/2.mp4 1', 'v/b/3.mp4 30000000', 'v/c/4.mp4 1', 'v/a/5.mp4 0']
    await writeFile(join(at, 'val.csv'), `${lines.join('\n')}\n`)
    const set = await openDataSet({ data: `kinetics:${at}` })
    assert.deepEqual(broken(set), [
      ['line 3', 'v/b/3.mp4 is of class 30000000, of 2'],
      ['line 4', 'v/c/4.mp4 is of class 1, as videos of the folder b are'],
    ])
    assert.deepEqual([set.classes, set.missing.length], [['a', 'b'], 3])
  })

  test('Something-Something and DiDeMo: an entry of the list', async () => {
    const at = await made('broken-ssv2', writeSsv2)
    const file = join(at, 'labels/validation.json')
    const [first, second, third] = JSON.parse(await readFile(file, 'utf8')) as object[]
    await writeFile(file, JSON.stringify([{ ...first, template: 'Eating [something]' }, second, 7, third]))
    const set = await openDataSet({ data: `ssv2:${at}` })
    assert.deepEqual([set.items.length, set.missing.length], [1, 1])
    const told = broken(set)
    assert.match(told.join('; '), /^entry 3,.*; entry 1,video 74225: there is no class "Eating something"$/)
    const didemo = await made('broken-didemo', writeDidemo)
    const moments = JSON.parse(await readFile(join(didemo, 'test_data.json'), 'utf8')) as object[]
    await writeFile(join(didemo, 'test_data.json'), JSON.stringify([{ video: 'a' }, ...moments]))
    const paragraphs = await openDataSet({ data: `didemo:${didemo}` })
    assert.deepEqual([paragraphs.items.length, broken(paragraphs).length], [2, 1])
  })

  test('what is broken is told before a training as before an evaluation', async () => {
    const data = await annotated('told.jsonl', '{"path": "real.mp4", "text": "one"}\n{}\n')
    const set = await openDataSet({ data })
    assert.equal(setLine(set), `${data}, split all: 1 video, 1 line not read`)
    // Training and validation may be two splits of one file.
    const twice = [...(set.broken ?? []), ...((await openDataSet({ data })).broken ?? [])]
    assert.deepEqual(brokenLines(twice), [
      '1 line of the annotations not read:',
      '  told.jsonl, line 2: there is no path',
    ])
  })
})

describe('what is no data set', () => {
  const wrong = async (name: string, content: string): Promise<string> => {
    const file = join(dir, name)
    await writeFile(file, content)
    return file
  }
  const cases: readonly [string, () => Promise<string>, string, RegExp][] = [
    [
      'broken json lines',
      () => wrong('broken.jsonl', '{"path": "a.mp4"'),
      'CONFIG_INVALID',
      /line 1: it is not JSON/,
    ],
    [
      'neither text nor label',
      () => wrong('nothing.jsonl', '{"path": "a.mp4"}\n'),
      'CONFIG_INVALID',
      /line 1: there is neither a text nor a label/,
    ],
    ['no path', () => wrong('no-path.csv', 'text\nhello\n'), 'CONFIG_INVALID', /line 2: there is no path/],
    ['nothing at all', () => wrong('empty.jsonl', '\n'), 'CONFIG_INVALID', /is empty/],
    [
      'a quote that nobody closes',
      () => wrong('quote.csv', 'video,caption\na.mp4,"a dog\n'),
      'CONFIG_INVALID',
      /quote\.csv, line 2: a quote is opened and not closed\.$/,
    ],
    [
      'only broken lines',
      () => wrong('all.jsonl', '{}\n{"path": 1}\n'),
      'CONFIG_INVALID',
      /all\.jsonl, no line can be read; line 1: there is no path/,
    ],
    [
      'a Kinetics list without labels',
      async () => {
        const head = 'youtube_id,time_start,time_end,split'
        return `kinetics:${await wrong('test.csv', `${head}\nabc,0,10,test\n`)}`
      },
      'CONFIG_INVALID',
      /test\.csv: this split has no labels/,
    ],
    ['another kind', async () => `msrvt:${dir}`, 'USAGE_INVALID', /no kind of data set called msrvt/],
    ['a folder alone', async () => dir, 'USAGE_INVALID', /folder of what kind/],
    [
      'a folder without annotations',
      async () => `msrvtt:${dir}`,
      'INPUT_NOT_FOUND',
      /MSRVTT_JSFUSION_test.csv/,
    ],
    [
      'a place that is not there',
      async () => 'didemo:/nowhere',
      'INPUT_NOT_FOUND',
      /no data set at \/nowhere/,
    ],
    [
      'another format under the name',
      async () => `didemo:${await wrong('test_data.json', '[{"video": "a"}]')}`,
      'CONFIG_INVALID',
      /entry 1: description: Invalid input/,
    ],
    [
      'numbers without names',
      async () => `kinetics:${await wrong('val.csv', 'a.mp4 0\nb.mp4 1\n')}`,
      'CONFIG_INVALID',
      /numbers its classes/,
    ],
  ]
  for (const [name, data, code, message] of cases) {
    test(`${name}: a sentence and a hint`, async () => {
      await assert.rejects(openDataSet({ data: await data() }), { code, message })
    })
  }

  test('a split that the kind does not have', async () => {
    await assert.rejects(openDataSet({ data: `ssv2:${dir}`, split: 'test' }), {
      code: 'USAGE_INVALID',
      message: /no split test/,
    })
  })
})
