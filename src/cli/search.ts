import { type Command, InvalidArgumentError, Option } from 'commander'
import type { FoundMoment, Query, RankedMoment, SearchFilter } from '../../pipelines/search.js'
import { s3Settings } from '../config/places.js'
import type { ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { formatBytes, printable, table } from './format.js'
import { keysOf } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { clock, type GivenTime, localTime, parseTime } from './times.js'

const MODEL: readonly ConfigKey[] = [
  'model',
  'branch',
  'structure',
  'engine',
  'device',
  'deviceId',
  'precision',
]
const KEYS: readonly ConfigKey[] = [...MODEL, ...keysOf('S3'), 'index', 'root', 'report', 'json']

const EXAMPLES = `
Examples:
  stanflow search "a red ball falls" --index index
  stanflow search "a person falls" --camera "hall-*" --from 2h --top 5
  stanflow search "a car" --not "a parked car" --source "videos/2026-*" --json
  stanflow search "a red ball falls, then bounces" --rerank mug
  stanflow search --image ball.jpg --index index
  stanflow search --like 3f9d… --index index --report found.html

Times: 2026-11-24, 2026-11-24T18:00 and 2h ago are of day, and so of cameras; 1:30 and 90s are into a video.
`

export function addSearchCommand(program: Command): void {
  const option = (flags: string, about: string): Option => new Option(flags, about).helpGroup('Search:')
  const search = program
    .command('search')
    .addOption(option('--image <file>', 'moments like a picture'))
    .addOption(option('--video <file>', 'moments like a video, or s3://bucket/key'))
    .addOption(option('--like <clip id>', 'moments like that clip'))
    .addOption(option('--not <text>', 'what it does not show; repeatable').argParser(gather))
    .addOption(
      option('--source <name>', 'only of sources so named, with * and ?; repeatable').argParser(gather),
    )
    .addOption(
      option('--camera <name>', 'only of cameras so named, with * and ?; repeatable').argParser(gather),
    )
    .addOption(option('--from <time>', 'only what is shown after').argParser((text) => parseTime(text)))
    .addOption(option('--to <time>', 'only what is shown before').argParser((text) => parseTime(text)))
    .addOption(option('--label <text>', 'only where that is the best label; repeatable').argParser(gather))
    .addOption(option('--top <n>', 'moments to show').argParser(atLeastOne).default(20))
    .addOption(
      new Option('--rerank <how>', 'compare the best once more, frame by frame, where frames were kept')
        .choices(['mug', 'wti'])
        .helpGroup('Search:'),
    )
    .addOption(option('--digest <hex>', 'search the model whose digest begins so'))
  addSettings(search, KEYS)
    .description('moments that show what you say, the best first')
    .argument('[text]', 'what the moment shows, in words')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((text: string | undefined, _options, command: Command) => run(text, command))
}

const gather = (next: string, before: readonly string[] = []): readonly string[] => [...before, next]

function atLeastOne(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number from 1 to 9999.')
  return Number(text)
}

interface Flags {
  readonly image?: string
  readonly video?: string
  readonly like?: string
  readonly not?: readonly string[]
  readonly source?: readonly string[]
  readonly camera?: readonly string[]
  readonly from?: GivenTime
  readonly to?: GivenTime
  readonly label?: readonly string[]
  readonly top: number
  readonly rerank?: 'mug' | 'wti'
  readonly digest?: string
}

async function run(text: string | undefined, command: Command): Promise<void> {
  const { config, origins } = await readSettings(command, ['from', 'to', 'top', 'source', 'label'])
  const flags = command.opts<Flags>()
  if (config.index === undefined) {
    throw new StanflowError('USAGE_INVALID', 'There is no index to search.', { hint: 'Add --index INDEX.' })
  }
  const query: Query = {
    ...(text !== undefined && { text }),
    ...(flags.not !== undefined && { not: flags.not }),
    ...(flags.image !== undefined && { image: flags.image }),
    ...(flags.video !== undefined && { video: flags.video }),
    ...(flags.like !== undefined && { like: { clipId: flags.like } }),
  }
  const model = Object.fromEntries(
    MODEL.filter((key) => origins[key].kind !== 'default').map((key) => [key, config[key]]),
  )
  const { openIndex } = await import('../../pipelines/search.js')
  const index = await openIndex({
    ...{ index: config.index, s3: s3Settings(config), model },
    ...(flags.digest !== undefined && { digest: flags.digest }),
  })
  try {
    const moments = await index.search(query, filterOf(flags))
    process.stdout.write(
      config.json
        ? `${JSON.stringify({ model: index.model.digest, moments })}\n`
        : shown(moments, flags.rerank),
    )
    if (config.report === undefined) return
    const { writeMoments } = await import('../../pipelines/search/report.js')
    const { name, structure, digest: full } = index.model
    const bytes = await writeMoments(config.report, {
      ...{ asked: askedOf(query), narrowed: narrowedBy(flags), moments, when: span, s3: s3Settings(config) },
      ...{ index: config.index, model: [name, structure, full.slice(0, 12)].filter(Boolean).join(', ') },
      ...(config.root !== undefined && { root: config.root }),
    })
    if (!config.json) process.stdout.write(`report ${printable(config.report)}, ${formatBytes(bytes)}\n`)
  } finally {
    await index.close()
  }
}

/** @throws StanflowError USAGE_INVALID where one time is of day and the other is not */
function filterOf({ source, camera, from, to, label, top, rerank }: Flags): SearchFilter {
  const ofDay = from?.ofDay ?? to?.ofDay
  if (from !== undefined && to !== undefined && from.ofDay !== to.ofDay) {
    throw new StanflowError('USAGE_INVALID', '--from and --to are a time of day and a time in a video.', {
      hint: 'Give both as dates, for cameras, or both as times in a video.',
    })
  }
  return {
    top,
    ...(rerank !== undefined && { rerank }),
    ...(source !== undefined && { sources: source }),
    ...(camera !== undefined && { cameras: camera }),
    ...(from !== undefined && { from: from.seconds }),
    ...(to !== undefined && { to: to.seconds }),
    ...(ofDay !== undefined && { of: ofDay ? ('cameras' as const) : ('videos' as const) }),
    ...(label !== undefined && { labels: label }),
  }
}

/** A query in words. */
function askedOf({ text, not = [], image, video, like }: Query): string {
  const parts = [
    ...(text === undefined ? [] : [text]),
    ...(image === undefined ? [] : [`like the picture ${String(image)}`]),
    ...(video === undefined ? [] : [`like the video ${video}`]),
    ...(like !== undefined && 'clipId' in like ? [`like the clip ${like.clipId}`] : []),
  ]
  return [parts.join(', '), ...not.map((one) => `not ${one}`)].join(', ')
}

function narrowedBy({ source = [], camera = [], from, to, label = [] }: Flags): readonly string[] {
  const time = ({ seconds, ofDay }: GivenTime): string => (ofDay ? localTime(seconds) : clock(seconds))
  return [
    ...[...source, ...camera.map((name) => `camera ${name}`), ...label.map((one) => `label ${one}`)],
    ...(from === undefined ? [] : [`from ${time(from)}`]),
    ...(to === undefined ? [] : [`to ${time(to)}`]),
  ]
}

function shown(moments: readonly RankedMoment[], rerank: Flags['rerank']): string {
  if (moments.length === 0) return 'Nothing was found.\n'
  const ranked = rerank === undefined ? [] : [rerank]
  const head = ['', ...ranked, 'score', 'when', 'source', 'label']
  const rows = moments.map((moment, i) => [
    String(i + 1),
    ...ranked.map(() => moment.reranked?.toFixed(3) ?? '–'),
    ...[moment.score.toFixed(3), span(moment), printable(moment.source)],
    printable(moment.labels[0]?.label ?? ''),
  ])
  return `${table([head, ...rows], rerank === undefined ? [0, 1] : [0, 1, 2]).join('\n')}\n`
}

function span({ source, start, end }: FoundMoment): string {
  if (!source.startsWith('camera:')) return `${clock(start)}–${clock(end)}`
  const [from, to] = [localTime(start), localTime(end)]
  return `${from}–${to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to}`
}
