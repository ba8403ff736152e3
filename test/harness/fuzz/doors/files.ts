import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { writeCheckpoint } from '../../../support/checkpoints.js'
import { fixture } from '../../../support/fixtures.js'
import { type Door, type DoorReport, type DoorRun, noCounts } from '../door.js'
import { mutate, mutateText, Random } from '../mutate.js'
import { TEXTS } from '../texts.js'
import { type Answer, Victim } from '../victim.js'

const EMBEDDED = fileURLToPath(new URL('../../../../../src/model/assets/default', import.meta.url))
const RECIPE = fileURLToPath(new URL('../../../../../src/train/recipes/motion-scenes.yaml', import.meta.url))
/** A good input comes after so many mutants. */
const BETWEEN = 10

interface FileDoor {
  readonly name: string
  /** Of READERS; default: the name. */
  readonly reader?: string
  readonly extension?: string
  readonly text?: boolean
  /** Good inputs, made in a folder. */
  readonly goods: (folder: string, beside: string) => Promise<readonly string[]>
  /** Inputs written by hand, each to cost as much as it can. */
  readonly bombs?: (folder: string, beside: string) => Promise<readonly string[]>
  /** The folder that a model's other files come from, or a server that the reader needs. */
  readonly beside?: string | (() => Promise<string>)
  /** How bytes of this kind are changed; default: as those of any file. */
  readonly mutant?: (good: Buffer, random: Random, other: Buffer) => Buffer
  readonly standard: number
  readonly short: number
  readonly mostMiB?: number
}

const tiny = (name: string): string => fixture(`tiny/${name}`)

/** A door that takes files, one after the other, in one process. */
export function fileDoor(spec: FileDoor): Door {
  const { name, reader = name, extension = '', text = false, mutant = mutate, mostMiB = 900 } = spec
  return {
    ...{ name, standard: spec.standard, short: spec.short },
    async run({ mutants, seed, say, planted, keep, registry }: DoorRun): Promise<DoorReport> {
      const { beside: given = EMBEDDED } = spec
      const beside = typeof given === 'string' ? given : (registry ?? (await given()))
      const folder = await mkdtemp(join(tmpdir(), 'stanflow-fuzz-'))
      const random = new Random(seed)
      const victim = new Victim({
        reader,
        beside,
        limitMs: planted === 'hang' ? 5000 : 60_000,
        ...(planted && { planted }),
      })
      const counts = noCounts()
      const findings: string[] = []
      try {
        const goods = await spec.goods(folder, beside)
        const contents = await Promise.all(goods.map((path) => readFile(path)))
        const right = new Map<string, string>()
        const checkGood = async (path: string): Promise<void> => {
          const good = join(folder, `good${extension}`)
          await copyFile(path, good)
          const answer = await victim.read(good)
          const result = answer.kind === 'taken' ? answer.result : JSON.stringify(answer)
          if (!right.has(path) && answer.kind === 'taken') right.set(path, result)
          if (right.get(path) === result) return
          counts.neighboursLost++
          findings.push(`${name}: a good input gave ${result.slice(0, 300)}`)
        }
        for (const path of goods) await checkGood(path)
        const note = async (answer: Answer, bytes: Buffer, what: string): Promise<void> => {
          if (answer.kind === 'taken') counts.taken++
          else if (answer.kind === 'hang') counts.hangs++
          else if (answer.kind === 'crash') counts.crashes++
          else if (answer.code === 'UNNAMED' || answer.code === 'INTERNAL') counts.unnamed++
          else counts.refused++
          const isNamed = answer.kind === 'refused' && answer.code !== 'UNNAMED' && answer.code !== 'INTERNAL'
          if (answer.kind === 'taken' || isNamed) return
          findings.push(`${name} ${what}: ${JSON.stringify(answer).slice(0, 700)}`)
          if (keep === undefined) return
          await mkdir(keep, { recursive: true })
          await writeFile(join(keep, `${name}-${seed}-${what.replaceAll(/\W+/g, '-')}${extension}`), bytes)
        }
        const bombs = (await spec.bombs?.(folder, beside)) ?? []
        for (const path of bombs)
          await note(await victim.read(path), await readFile(path), path.slice(folder.length + 1))
        const path = join(folder, `mutant${extension}`)
        for (let n = 0; n < mutants; n++) {
          const [good, other] = [random.pick(contents), random.pick(contents)]
          const bytes = text ? mutateText(good.toString('utf8'), random) : mutant(good, random, other)
          await writeFile(path, bytes)
          await note(await victim.read(path), bytes, `mutant ${n}`)
          if (n % BETWEEN === BETWEEN - 1) await checkGood(random.pick(goods))
          if (n % 200 === 199) say(`${name}: ${n + 1} of ${mutants}`)
        }
        return {
          door: name,
          mutants: mutants + bombs.length,
          ...counts,
          worstMiB: victim.worstMiB,
          mostMiB,
          findings,
        }
      } finally {
        victim.stop()
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}

const written = async (
  folder: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<string[]> => {
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text)
  return Object.keys(files).map((file) => join(folder, file))
}

/** A safetensors file of any header. */
function withHeader(header: string, body = 64, length = BigInt(Buffer.byteLength(header))): Buffer {
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(length)
  return Buffer.concat([size, Buffer.from(header), Buffer.alloc(body)])
}

const big = (count: number): string =>
  JSON.stringify(
    Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`t${n}`, { dtype: 'F32', shape: [0], data_offsets: [0, 0] }]),
    ),
  )

const model = (change: object): string => JSON.stringify({ model_type: 'clip', ...change })

const jpeg = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#3a7' } })
    .jpeg()
    .toBuffer()

/** Pictures that are small in a record and large in memory, or none at all. */
async function pictureBombs(folder: string): Promise<readonly string[]> {
  const wide = await jpeg(64, 64)
  const at = wide.indexOf('ffc00011', 0, 'hex')
  const huge = Buffer.from(wide)
  huge.writeUInt16BE(65_500, at + 5)
  huge.writeUInt16BE(65_500, at + 7)
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"><rect width="100%" height="100%" fill="red"/></svg>'
  const png = await sharp({ create: { width: 12_000, height: 12_000, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  return written(folder, {
    'bomb-jpeg': huge,
    'bomb-svg': svg,
    'bomb-png': png,
    'bomb-line': await jpeg(65_000, 1),
  })
}

/** An event as it lies in its topic. */
export const EVENT = {
  ...{ event_id: 'e', episode_id: 'p', source: 'camera:door', kind: 'rule-opened' },
  ...{ start: 1.7e9, end: null, rule: 'fall', label: 'a person falls', peak: 0.9, clip_ids: ['c1', 'c2'] },
  ...{ thumbnail: null, video: null, code: null, detail: null },
}
const MESSAGE: Readonly<Record<string, object>> = {
  video: {
    request_id: 'r',
    source: 'a.mp4',
    uri: '/videos/a.mp4',
    bytes: 100,
    etag: null,
    sample: { kind: 'window', frames: 12, length: 4, stride: 2 },
  },
  event: EVENT,
}
const MESSAGES = Object.entries(MESSAGE).map(([name, good]) =>
  fileDoor({
    ...{ name: `message: ${name}`, text: true, standard: 300, short: 10, mostMiB: 600 },
    goods: async (folder) => written(folder, { given: JSON.stringify(good) }),
  }),
)

const TEXT_DOORS = Object.entries(TEXTS).map(([name, { extension, goods, bombs }]) =>
  fileDoor({
    ...{ name, extension, text: true, standard: 400, short: 20, mostMiB: 500 },
    goods: async (folder) =>
      written(folder, Object.fromEntries(goods.map((text, n) => [`given-${n}${extension}`, text]))),
    bombs: async (folder) =>
      written(
        folder,
        Object.fromEntries(Object.entries(bombs).map(([what, text]) => [`bomb-${what}${extension}`, text])),
      ),
  }),
)

export const FILE_DOORS: readonly Door[] = [
  fileDoor({
    name: 'safetensors',
    ...{ standard: 1000, short: 40, beside: tiny('') },
    goods: async () => [tiny('model.safetensors')],
    bombs: async (folder) =>
      written(folder, {
        'bomb-length': withHeader('{}', 64, 2n ** 63n - 1n),
        'bomb-negative': withHeader('{}', 64, 2n ** 64n - 1n),
        'bomb-many': withHeader(big(200_000)),
        'bomb-shape': withHeader(
          '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,64]}}',
        ),
        'bomb-zero': withHeader(
          '{"a":{"dtype":"F32","shape":[0,9007199254740991,9007199254740991],"data_offsets":[0,0]}}',
        ),
        'bomb-proto': withHeader('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'),
        'bomb-deep': withHeader('['.repeat(100_000)),
      }),
  }),
  fileDoor({
    name: 'pickle',
    ...{ standard: 2000, short: 60 },
    async goods(folder) {
      const whole = join(folder, 'stan.pth')
      writeCheckpoint('stan-pth', whole)
      const types = ['legacy.bin', 'protocol2.pt', 'protocol3.pt', 'protocol4.pt', 'protocol5.pt']
      return [whole, ...types.map((type) => fixture(`formats/types-${type}`)), fixture('formats/script.pt')]
    },
    bombs: async (folder) => [
      ...['eval.pth', 'legacy.bin', 'nested.pth', 'os-system.pth', 'subprocess.pth'].map((file) =>
        fixture(`formats/malicious-${file}`),
      ),
      ...(await written(folder, {
        // Doubles a tuple again and again: two to the thirty values, if it were walked.
        'bomb-laughs': Buffer.concat([
          Buffer.from([0x80, 2, 0x4e]),
          Buffer.alloc(60, Buffer.from([0x32, 0x86])),
          Buffer.from('.'),
        ]),
        'bomb-marks': Buffer.concat([Buffer.from([0x80, 2]), Buffer.alloc(5_000_000, '('), Buffer.from('.')]),
        'bomb-lists': Buffer.concat([Buffer.from([0x80, 2]), Buffer.alloc(5_000_000, ']'), Buffer.from('.')]),
        'bomb-long': Buffer.from([0x80, 2, 0x8b, 0xff, 0xff, 0xff, 0x7f, 0x2e]),
      })),
    ],
  }),
  fileDoor({
    name: 'config.json',
    ...{ reader: 'config', text: true, standard: 300, short: 20, beside: tiny('') },
    goods: async () => [tiny('config.json')],
    bombs: async (folder) =>
      written(folder, {
        'bomb-layers': model({ vision_config: { num_hidden_layers: 1e9 } }),
        'bomb-width': model({ vision_config: { hidden_size: 2 ** 40, num_attention_heads: 1 } }),
        'bomb-patches': model({ vision_config: { image_size: 2 ** 30, patch_size: 1 } }),
        'bomb-deep': '['.repeat(100_000),
      }),
  }),
  fileDoor({
    name: 'tokenizer.json',
    ...{ reader: 'tokenizer', text: true, standard: 300, short: 15 },
    goods: async () => [join(EMBEDDED, 'tokenizer.json')],
    bombs: async (folder) =>
      written(folder, {
        'bomb-pattern': JSON.stringify({
          ...(JSON.parse(await readFile(join(EMBEDDED, 'tokenizer.json'), 'utf8')) as object),
          pre_tokenizer: {
            type: 'Split',
            pattern: { Regex: '(a+)+$|(\\w+\\s?)+\\u0000$' },
            behavior: 'Isolated',
            invert: false,
          },
        }),
        'bomb-deep': '{"a":'.repeat(100_000),
      }),
  }),
  fileDoor({
    name: 'onnx (emitted)',
    ...{ reader: 'onnx', standard: 60, short: 4, beside: tiny(''), mostMiB: 1200 },
    goods: async () => [tiny('model.safetensors')],
  }),
  fileDoor({
    name: 'train.yaml',
    ...{ reader: 'train', text: true, extension: '.yaml', standard: 300, short: 15, mostMiB: 600 },
    goods: async () => [RECIPE],
  }),
  fileDoor({
    name: 'picture',
    ...{ standard: 1000, short: 20 },
    goods: async (folder) => {
      const path = join(folder, 'given.jpg')
      await writeFile(path, await jpeg(96, 72))
      return [path]
    },
    bombs: pictureBombs,
  }),
  fileDoor({
    name: 'message: clip',
    ...{ text: true, standard: 300, short: 10 },
    goods: async (folder) => {
      const picture = await jpeg(64, 48)
      const frames = Array(4).fill(picture.toString('base64'))
      const clip = {
        clip_id: 'c1',
        source: 'camera:door',
        clip_index: 3,
        start: 1.7e9,
        end: 1.7e9 + 4,
        frame_times: [0, 1, 2, 3],
      }
      return written(folder, { given: JSON.stringify({ ...clip, frames, claim: null }) })
    },
    bombs: async (folder) => written(folder, { 'bomb-deep': `{"frames":${'['.repeat(200_000)}` }),
  }),
  ...MESSAGES,
  ...TEXT_DOORS,
]
