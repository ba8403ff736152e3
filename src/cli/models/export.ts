import { type Command, Option } from 'commander'
import type { Precision } from '../../engine/engine.js'
import { formatBytes, printable } from '../format.js'
import { whole } from './whole.js'
import { withProgress } from './with-progress.js'

const EXAMPLES = `
Examples:
  stanflow models export models/stan-b32 --format onnx --to stan.onnx
  stanflow models export models/stan-b32 --format onnx --frames 64 --precision fp16 --to stan64.onnx
  stanflow models export models/stan-b32 --format safetensors --to stan.safetensors
  stanflow models import stan.safetensors --to models/again

onnx: uint8 RGB frames in, one unit vector a clip out; beside it NAME.text.onnx, token ids in, one unit vector a text out. Both take
any number of clips and texts. safetensors: CLIP and its temporal structure in one file, with its configuration in the header.
`

interface Flags {
  readonly format: 'onnx' | 'safetensors'
  readonly to: string
  readonly frames: number
  readonly precision: Precision
  readonly calibration?: string
  readonly branch?: string
  readonly structure: string
  readonly json?: boolean
}

export function addExportCommand(models: Command): void {
  models
    .command('export')
    .description('write a model for other programs')
    .argument('<model>', 'a model folder, owner/name of a pulled one, or default')
    .addOption(
      new Option('--format <format>', 'what to write').choices(['onnx', 'safetensors']).makeOptionMandatory(),
    )
    .addOption(new Option('--to <file>', 'the file to write').makeOptionMandatory())
    .option('--branch <file>', 'weights of the temporal structure (default: those in the folder)')
    .option('--structure <name>', 'how frames become one embedding', 'auto')
    .option('--frames <n>', 'onnx: frames in a clip', whole(1, 64), 12)
    .addOption(
      new Option('--precision <precision>', 'onnx: what the graph computes in')
        .choices(['fp32', 'fp16', 'int8'])
        .default('fp32'),
    )
    .option('--calibration <file>', 'onnx with int8: activation ranges (default: as they come)')
    .option('--json', 'print what was written as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(model: string, { json = false, ...flags }: Flags): Promise<void> {
  const { exportModel } = await import('../../../pipelines/export-model.js')
  const exported = await withProgress({ json, verb: 'writing' }, (hooks) =>
    exportModel({ model, ...flags }, hooks),
  )
  if (exported === undefined) return
  const lines = exported.files.map(({ path, bytes }) => `${printable(path)}: ${formatBytes(bytes)}`)
  const text = [`exported: CLIP with ${exported.structure}`, ...lines.map((line) => `  ${line}`)].join('\n')
  process.stdout.write(`${json ? JSON.stringify(exported) : text}\n`)
}
