import type { Command } from 'commander'
import type { ModelDescription } from '../../../pipelines/model-info.js'
import { formatBytes, formatCount, printable, table } from '../format.js'
import { publishedTable } from '../published-table.js'
import { whole } from './whole.js'

const EXAMPLES = `
Examples:
  stanflow models info openai/clip-vit-base-patch32
  stanflow models info models/stan-b16 --frames 16
  stanflow models info random:vit-b-16 --frames 8 --json | jq .flops
`

interface Flags {
  readonly branch?: string
  readonly structure: string
  readonly frames: number
  readonly json?: boolean
}

export function addInfoCommand(models: Command): void {
  models
    .command('info')
    .description('show what a model is and costs, beside what its paper says')
    .argument(
      '<model>',
      'a model folder, owner/name of a pulled one, default, or random:vit-b-16 and the like',
    )
    .option('--branch <file>', 'weights of the temporal structure (default: those in the folder)')
    .option('--structure <name>', 'how frames become one embedding', 'auto')
    .option('--frames <n>', 'frames in a clip', whole(1, 64), 12)
    .option('--json', 'print it as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(model: string, { json, branch, structure, frames }: Flags): Promise<void> {
  const { describeModel } = await import('../../../pipelines/model-info.js')
  const description = describeModel({ model, branch, structure, frames })
  process.stdout.write(`${json ? JSON.stringify(description) : text(description)}\n`)
}

function text(model: ModelDescription): string {
  const { config, parameters, memory, digest, digests, structure, depth, published, frames } = model
  const { vision: v, text: t } = config
  const layers = depth > 0 ? `, ${depth} layers` : ''
  const million = (n: number): string => `${(n / 1e6).toFixed(1)} M`
  const stored = Object.entries(memory.stored).map(([type, bytes]) => `${formatBytes(bytes)} of ${type}`)
  const rows = [
    ['frames', `${v.size} × ${v.size}, ${v.patches} patches of ${v.patch} × ${v.patch}`],
    [
      'vision',
      `${v.layers} layers of width ${v.width}, ${v.heads} heads, ${million(parameters.vision)} parameters`,
    ],
    [
      'text',
      `${t.layers} layers of width ${t.width}, ${t.heads} heads, ${million(parameters.text)} parameters`,
    ],
    ['', `${formatCount(t.vocabulary)} words, ${t.positions} tokens`],
    ['structure', `${structure}${layers}, ${million(parameters.structure)} parameters`],
    ['embedding', `${config.dim} numbers, cosines times ${model.scale.toFixed(1)}`],
    ['parameters', formatCount(parameters.total)],
    ['on disk', stored.length === 0 ? 'nothing: drawn from a seed' : stored.join(', ')],
    [
      'in memory',
      `${formatBytes(memory.weights.fp32)} in fp32, ${formatBytes(memory.weights.half)} in fp16 or bf16`,
    ],
    ['', `${formatBytes(memory.clip)} a clip of pixels${shared(memory.sharedFrame)}`],
    ['digest', digest],
    [
      'in results',
      `model=${digests.fp32.slice(0, 12)} in fp32, ${digests.bf16.slice(0, 12)} in bf16, ${digests.fp16.slice(0, 12)} in fp16`,
    ],
  ]
  return [
    `${printable(model.name)}: CLIP with ${structure}`,
    ...table(rows).map((line) => `  ${line}`),
    '',
    ...costs(model),
    ...(published.results.length === 0
      ? []
      : ['', ...publishedTable('published, of models trained so', published.results)]),
    ...(frames > 0 && model.random ? ['', 'note: the weights are random'] : []),
  ].join('\n')
}

const shared = (bytes: number | undefined): string =>
  bytes === undefined ? '' : `, ${formatBytes(bytes)} a frame that overlapping clips share`

function costs({
  flops: { frame, clip },
  frames,
  published: { cost },
  structure,
}: ModelDescription): readonly string[] {
  const giga = (n: number): string => (n / 1e9).toFixed(2)
  const row = (
    what: string,
    { linear, attention }: { linear: number; attention: number },
    times = 1,
  ): string[] => [what, giga(linear * times), giga((linear + attention) * times)]
  const lines = table(
    [
      ['GFLOPs, as multiply-accumulates', 'linear layers', 'with attention'],
      row('a frame through CLIP', frame),
      row(`a clip of ${frames} frames`, clip),
      row('three views of a video', clip, 3),
    ],
    [1, 2],
  )
  if (cost === undefined) return lines
  const off = ((3 * clip.linear) / 1e9 / cost.gflops - 1) * 100
  const remark =
    structure === 'stan-conv' ? ", far above what the paper's own formula comes to" : ', of the linear layers'
  return [
    ...lines,
    `published for three views: ${cost.gflops} (${cost.dataset})${remark}; ours is ${off >= 0 ? '+' : ''}${off.toFixed(1)} %`,
  ]
}
